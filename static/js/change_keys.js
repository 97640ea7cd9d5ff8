// Takes the keys that are pressed in a field; without this script they are written. What clashes is told at once.

const form = document.getElementById("change-keys");
const fields = [...form.querySelectorAll("input[data-keys]")];
const SECOND_WITHIN = 1_200;

let begun;
let begunAt = 0;

function written(event) {
  if (event.key.length !== 1 || event.key === " ") return "";
  const letter = event.key.toLowerCase();
  const isLetter = letter !== event.key.toUpperCase();
  const shift = event.shiftKey && isLetter ? "Shift+" : "";
  if (event.ctrlKey || event.metaKey) return `Mod+${shift}${letter}`;
  return isLetter ? shift + letter : event.key;
}

const clash = (one, other) => one && other && (`${one} `.startsWith(`${other} `) || `${other} `.startsWith(`${one} `));

function check() {
  for (const field of fields) {
    const rival = fields.find((other) => other !== field && clash(field.value, other.value));
    const error = document.getElementById(`${field.id}_error`);
    const text = rival ? form.dataset.taken.replace("{other}", rival.labels[0].textContent) : "";
    if (error.textContent !== text) error.textContent = text;
    field.setAttribute("aria-invalid", rival ? "true" : "false");
  }
}

function set(field, keys) {
  field.value = keys;
  check();
}

form.addEventListener("keydown", (event) => {
  const field = event.target.closest("input[data-keys]");
  if (!field || event.altKey || event.isComposing) return;
  if (event.key === "Backspace" || event.key === "Delete") {
    event.preventDefault();
    begun = undefined;
    return set(field, "");
  }
  const key = written(event);
  if (!key || event.repeat) return;
  event.preventDefault();
  const isSecond = begun === field && Date.now() - begunAt < SECOND_WITHIN && !key.startsWith("Mod+") && !field.value.includes(" ") && !field.value.startsWith("Mod+");
  begun = isSecond ? undefined : field;
  begunAt = Date.now();
  set(field, isSecond ? `${field.value} ${key}` : key);
});

for (const button of form.querySelectorAll("[data-resets]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const field = document.getElementById(button.dataset.resets);
    set(field, button.dataset.default);
    field.focus();
  });
}
