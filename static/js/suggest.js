// Lists that open while one types: colleagues after @ in a note, saved replies after / at the start of a reply.
// Arrows choose, Enter or Tab takes, Esc closes. The server gives the options, already filled in.

const words = document.getElementById("words").dataset;
const announcer = document.getElementById("announcer");
const MOST = 8;

const kinds = {
  "note-text": { before: /(?:^|[\s(])(@[\w.@+-]*)$/ },
  "composer-text": { before: /^(\/[^\n]{0,60})$/ },
};

let open; // { textarea, panel, list, start, query, active }
const loaded = new WeakMap(); // the options of a text area, fetched once

const options = (list) => [...list.querySelectorAll("[role=option]")];

function typedIn(textarea) {
  const found = kinds[textarea.id]?.before.exec(textarea.value.slice(0, textarea.selectionStart));
  return found && { start: textarea.selectionStart - found[1].length, query: found[1].slice(1).trim().toLowerCase() };
}

async function optionsOf(textarea) {
  if (!loaded.has(textarea)) {
    loaded.set(textarea, fetch(textarea.dataset.options, { headers: { "HX-Request": "true" } })
      .then((answer) => (answer.ok ? answer.text() : Promise.reject(answer.status)))
      .then((html) => [...new DOMParser().parseFromString(html, "text/html").querySelectorAll("[role=option]")]));
    loaded.get(textarea).catch(() => loaded.delete(textarea));
  }
  return loaded.get(textarea);
}

function matching(all, query) {
  const parts = query.split(/\s+/).filter(Boolean);
  const found = all.filter((option) => parts.every((part) => option.dataset.search.includes(part)));
  const rank = (option) => (option.dataset.shortcut === query ? 0 : option.dataset.search.startsWith(query) ? 1 : 2);
  return found.sort((one, other) => rank(one) - rank(other)).slice(0, MOST);
}

function close() {
  if (!open) return;
  open.panel.hidden = true;
  open.textarea.removeAttribute("aria-activedescendant");
  open = undefined;
}

function activate(option) {
  for (const one of options(open.list)) one.setAttribute("aria-selected", String(one === option));
  open.active = option;
  const preview = open.panel.querySelector(".suggest-preview");
  if (!option) {
    open.textarea.removeAttribute("aria-activedescendant");
    if (preview) preview.textContent = "";
    return;
  }
  open.textarea.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
  if (preview) preview.textContent = option.dataset.value;
  const uses = document.querySelector(".composer-uses");
  const place = open.panel.querySelector(".suggest-uses");
  if (place && uses) {
    const isTwo = document.getElementById("composer-image").files.length > 0;
    place.textContent = words.uses.replace("{n}", isTwo ? 2 : 1).replace("{left}", uses.dataset.left);
  }
}

async function show(textarea, typed) {
  let all;
  try {
    all = await optionsOf(textarea);
  } catch {
    return;
  }
  // Meanwhile one may have typed on, or gone elsewhere.
  if (document.activeElement !== textarea) return;
  const now = typed.isAsked ? typed : typedIn(textarea);
  if (!now) return void close();
  const panel = document.getElementById(textarea.dataset.suggest);
  const list = panel.matches("[role=listbox]") ? panel : panel.querySelector("[role=listbox]");
  const found = matching(all, now.query);
  if (!found.length && !panel.querySelector(".suggest-foot")) return void close();
  open = { textarea, panel, list, start: now.start, query: now.query };
  list.replaceChildren(...found.map((option) => option.cloneNode(true)));
  panel.hidden = false;
  activate(options(list)[0]);
  announcer.textContent = found.length ? words.found.replace("{n}", found.length) : words.nothingSaved;
  const foot = panel.querySelector(".suggest-uses");
  if (foot && !found.length) foot.textContent = words.nothingSaved;
}

function take(option) {
  const { textarea, start } = open;
  close();
  textarea.setRangeText(option.dataset.value, start, textarea.selectionStart, "end");
  textarea.focus();
  textarea.dispatchEvent(new Event("input", { bubbles: true }));
}

let dismissed; // the text at which somebody pressed Esc

document.addEventListener("input", (event) => {
  const textarea = event.target;
  if (!kinds[textarea.id] || textarea.readOnly) return;
  const typed = typedIn(textarea);
  if (!typed) dismissed = undefined;
  if (typed && dismissed === undefined) show(textarea, typed);
  else close();
});

// Before all others who listen: while a list is open, these keys are its own.
document.addEventListener("keydown", (event) => {
  if (!open || event.target !== open.textarea || event.isComposing) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const all = options(open.list);
  const at = all.indexOf(open.active);
  if (event.key === "ArrowDown" && all.length) activate(all[(at + 1) % all.length]);
  else if (event.key === "ArrowUp" && all.length) activate(all[(at - 1 + all.length) % all.length]);
  else if ((event.key === "Enter" || event.key === "Tab") && open.active && !event.shiftKey) take(open.active);
  else if (event.key === "Escape") {
    dismissed = open.query;
    close();
  } else return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);

document.addEventListener("mousedown", (event) => {
  const option = open && event.target.closest(".suggest-option");
  if (!option || !open.list.contains(option)) return;
  event.preventDefault(); // the focus stays in the box
  take(option);
});
document.addEventListener("focusout", (event) => {
  if (open && event.target === open.textarea && !open.panel.contains(event.relatedTarget)) close();
});

// The button beside the box opens the list without a slash; what stands in the box stays.
document.addEventListener("click", (event) => {
  const button = event.target.closest("#composer-saved");
  if (!button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const textarea = document.getElementById("composer-text");
  if (textarea.readOnly) return;
  textarea.focus();
  dismissed = undefined;
  if (!textarea.value) {
    textarea.setRangeText("/", 0, 0, "end");
    textarea.dispatchEvent(new Event("input", { bubbles: true }));
  } else show(textarea, { isAsked: true, start: textarea.selectionStart, query: "" });
});
