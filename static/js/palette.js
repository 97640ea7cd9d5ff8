// The command palette: everything that the page can do now, found by typing. It is made of what is there: actions,
// views, orders, places to go to, and the conversations in the list.

const palette = document.getElementById("palette");
const input = palette.querySelector("input");
const list = document.getElementById("palette-list");
const none = palette.querySelector(".palette-none");
const status = palette.querySelector("[role=status]");
const actions = JSON.parse(document.getElementById("shortcuts").dataset.actions);
const MOST = 12;

let commands = [];
let chosen = 0;
let opener;

const textOf = (element) => (element.dataset.label || element.getAttribute("aria-label") || element.querySelector(".visually-hidden + *, span:not(.count)")?.textContent || element.firstChild?.textContent || "").trim();
const usable = (element) => !element.disabled && element.getAttribute("aria-disabled") !== "true" && !element.closest("dialog") && (element.closest("#destinations, .menu") || !element.closest("[hidden]"));

function collect() {
  const found = new Map();
  const add = (label, run, action = "") => { if (label && !found.has(label)) found.set(label, { label, run, action, keys: actions[action]?.spoken }); };
  for (const element of document.querySelectorAll("[data-action]")) {
    const { action } = element.dataset;
    if (action === "palette" || !usable(element)) continue;
    add(actions[action]?.label || textOf(element), () => element.matches("input:not([type=checkbox]), textarea") ? element.focus() : element.click(), action);
  }
  for (const name of ["reply", "back"]) {
    if (document.getElementById(name === "reply" ? "composer-text" : "conversation")?.closest(".is-open"))
      add(actions[name].label, () => document.dispatchEvent(new CustomEvent("reply48:act", { detail: name })), name);
  }
  for (const link of document.querySelectorAll(".search-actions a, #views a, .list-order a, #destinations :is(a, button)")) add(textOf(link), () => link.click());
  for (const link of document.querySelectorAll("#conversations > .row a[data-name]")) add(link.querySelector(".row-name").textContent, () => { link.focus(); link.click(); });
  const order = Object.keys(actions);
  const rank = ({ action }) => (order.includes(action) ? order.indexOf(action) : order.length);
  return [...found.values()].sort((one, other) => rank(one) - rank(other));
}

const plain = (text) => text.toLocaleLowerCase().normalize("NFD").replaceAll(/\p{M}/gu, "");

function show() {
  const wordsOf = plain(input.value).split(/\s+/).filter(Boolean);
  const fitting = commands.filter(({ label }) => wordsOf.every((word) => plain(label).includes(word))).slice(0, MOST);
  chosen = Math.max(0, Math.min(chosen, fitting.length - 1));
  list.replaceChildren(...fitting.map((command, place) => {
    const item = Object.assign(document.createElement("li"), { id: `command-${place}`, role: "option" });
    item.setAttribute("aria-selected", place === chosen);
    item.append(Object.assign(document.createElement("span"), { textContent: command.label }));
    if (command.keys) item.append(Object.assign(document.createElement("kbd"), { textContent: command.keys }));
    item.addEventListener("click", () => run(command));
    return item;
  }));
  none.hidden = fitting.length > 0;
  status.textContent = fitting.length ? "" : none.textContent;
  if (fitting.length) input.setAttribute("aria-activedescendant", `command-${chosen}`);
  else input.removeAttribute("aria-activedescendant");
  list.children[chosen]?.scrollIntoView({ block: "nearest" });
  return fitting;
}

function run(command) {
  palette.close();
  command.run();
}

function open() {
  if (document.querySelector("dialog[open]")) return;
  opener = document.activeElement?.closest(".menu")?.querySelector("summary") || document.activeElement;
  for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
  commands = collect();
  input.value = "";
  chosen = 0;
  show();
  palette.showModal();
}

for (const button of document.querySelectorAll('[data-action="palette"]')) {
  button.hidden = false;
  button.addEventListener("click", open);
}
input.addEventListener("input", () => { chosen = 0; show(); });
palette.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    chosen = (chosen + step + list.childElementCount) % (list.childElementCount || 1);
    show();
  } else if (event.key === "Enter" && !event.isComposing) {
    event.preventDefault();
    const command = show()[chosen];
    if (command) run(command);
  }
});
palette.addEventListener("click", (event) => { if (event.target === palette) palette.close(); });
palette.addEventListener("close", () => { if (opener?.isConnected) opener.focus(); });
