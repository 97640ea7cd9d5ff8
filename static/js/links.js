// Message links: copy them, and show while typing what the address and the customer's input will be.

const $ = (selector, root = document) => root.querySelector(selector);

// ── Copy ────────────────────────────────────────────────────────────────────────────────────────────────

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without https the browser has no clipboard for us, but this old way.
    const field = document.createElement("textarea");
    field.value = text;
    field.className = "visually-hidden";
    document.body.append(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    return copied;
  }
}

let quiet;
function tell(words) {
  const toast = $("#copied");
  toast.textContent = "";
  clearTimeout(quiet);
  // A live region is read when its text changes, so the same words need a moment in between.
  setTimeout(() => (toast.textContent = words), 50);
  quiet = setTimeout(() => (toast.textContent = ""), 5000);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (button) {
    const copied = await copy(button.dataset.copy);
    button.focus();
    const toast = $("#copied");
    tell(copied ? toast.dataset.words : toast.dataset.failed);
  }
  if (event.target.closest("button[data-print]")) print();
});

for (const button of document.querySelectorAll("button[data-copy], button[data-print]")) button.hidden = false;

// ── The form ────────────────────────────────────────────────────────────────────────────────────────────

// The same as `address_of` in messagelinks/addresses.py; a test compares the two.
function encode(text) {
  const more = (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text).replace(/[!'()*]/g, more);
}

export function addressOf(username, ref, message) {
  const parts = [["ref", ref], ["message", message]].filter(([, value]) => value);
  return `https://tiktok.me/${encode(username)}?${parts.map(([name, value]) => `${name}=${encode(value)}`).join("&")}`;
}

// As `characters_in` in messagelinks/addresses.py: what a person counts.
export function charactersIn(text) {
  return [...new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text)].length;
}

function showTooLong(form, message) {
  const limit = Number(form.dataset.limit);
  const counted = charactersIn(message);
  const inAll = [...message].length; // what the database counts
  $("[data-count]", form).textContent = counted;
  $(".counter", form).classList.toggle("is-over", inAll > limit);
  const line = $("[data-too-long]", form);
  const words = counted > limit ? line.dataset.words : line.dataset.joined;
  const told = inAll > limit ? words.replace("{n}", (counted > limit ? counted : inAll) - limit) : "";
  if (line.textContent !== told) line.textContent = told;
}

function showRefUsed(form, ref) {
  const line = $("[data-ref-used]", form);
  const used = ref && $(`[data-ref="${CSS.escape(ref)}"]`, form);
  const told = used ? line.dataset.words.replace("{title}", used.textContent) : "";
  if (line.textContent !== told) line.textContent = told;
}

function show(form) {
  const [ref, message] = [form.elements.ref.value.trim(), form.elements.message.value];
  showTooLong(form, message);
  showRefUsed(form, ref);
  $("[data-preview]", form).hidden = false;
  const input = $("[data-preview-text]", form);
  input.textContent = message || input.dataset.empty;
  input.classList.toggle("is-empty", !message);
  let address;
  try {
    address = addressOf(form.dataset.username, ref, message);
  } catch {
    return; // half of a pair of characters: its other half is still to come
  }
  $("[data-preview-address]", form).textContent = address;
}

document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-link-form]");
  if (form) show(form);
});

const showAll = () => document.querySelectorAll("form[data-link-form]").forEach(show);
showAll();
const dialog = $("#dialog");
if (dialog) new MutationObserver(showAll).observe(dialog, { childList: true });
