// The keyboard: one Tab stop for the list, arrows inside it, and the keys that this person has chosen. An action is
// an element with `data-action`; without one on the page its keys do nothing. Letters never count inside a field.

const settings = document.getElementById("shortcuts");
const actions = JSON.parse(settings.dataset.actions);
const areOn = settings.dataset.on === "yes";
const byKeys = new Map(Object.entries(actions).filter(([, action]) => areOn && action.keys).map(([name, action]) => [action.keys, name]));
const SEQUENCE = 1_200;
const IN_THE_THREAD = new Set(["reply", "note", "assign", "assign-me", "close", "close-next", "snooze", "label", "unread", "report"]);
const ONCE = new Set(["next", "previous"]); // all others ignore a key that is held down

const byId = (id) => document.getElementById(id);
const box = () => byId("composer-text");

// ── The list: one Tab stop, wherever the focus was last ───────────────────────────────────────────────

const links = () => [...document.querySelectorAll("#conversations > .row a[data-name]")];
const focusedLink = () => document.activeElement?.closest?.("#conversations > .row")?.querySelector("a[data-name]") || null;
const openLink = () => document.querySelector('#conversations a[aria-current="true"]');
const tabStop = () => document.querySelector('#conversations a[data-name][tabindex="0"]');
const isListShown = () => byId("list").offsetParent !== null;

function rove(to = focusedLink() || tabStop() || openLink() || links()[0]) {
  for (const one of document.querySelectorAll("#conversations > .row :is(a, button, input, summary)")) one.tabIndex = one === to ? 0 : -1;
}

function goTo(link) {
  if (!link) return;
  rove(link);
  link.focus();
  link.scrollIntoView({ block: "nearest" });
}

function move(step) {
  const all = links();
  const from = focusedLink() || openLink();
  const place = all.indexOf(from) + step;
  if (!from) goTo(tabStop() || all[0]);
  else if (all[place]) goTo(all[place]);
  else if (place >= all.length) document.querySelector("#more-rows a")?.click();
}

// A row that leaves the list takes the focus with it: the one that comes to its place gets it.
let lostPlace = -1;
document.addEventListener("reply48:merging", () => { lostPlace = links().indexOf(focusedLink()); });
document.addEventListener("reply48:merged", () => {
  rove();
  if (lostPlace >= 0 && document.activeElement === document.body) goTo(links()[Math.min(lostPlace, links().length - 1)]);
  lostPlace = -1;
});
document.addEventListener("focusin", () => { if (focusedLink()) rove(focusedLink()); });

// ── What keys do ──────────────────────────────────────────────────────────────────────────────────────

const usable = (element) => !element.disabled && element.getAttribute("aria-disabled") !== "true" && !element.closest("dialog:not([open])") && (element.closest("#destinations") || !element.closest("[hidden]"));
const elementOf = (name) => [...document.querySelectorAll(`[data-action="${name}"]`)].filter(usable).at(name === "undo" ? -1 : 0);

function press(element) {
  if (element.matches("input:not([type=checkbox]), textarea")) {
    element.focus();
    element.select();
  } else {
    if (element.matches("summary")) element.focus();
    element.click();
  }
}

function back() {
  if (!isListShown()) document.querySelector(".thread-header .back")?.click();
  else goTo(openLink() || tabStop() || links()[0]);
}

function closeAndOpenNext() {
  const all = links();
  const place = all.indexOf(openLink());
  const next = place < 0 ? null : all[place + 1] || all[place - 1];
  const form = elementOf("close").form;
  const closed = (event) => {
    if (event.detail.elt !== form) return;
    document.removeEventListener("htmx:afterRequest", closed);
    if (!event.detail.successful || !next?.isConnected) return;
    goTo(next);
    next.click();
  };
  document.addEventListener("htmx:afterRequest", closed);
  elementOf("close").click();
}

const ownWays = {
  next: () => move(1),
  previous: () => move(-1),
  open: () => (focusedLink() || tabStop())?.click(),
  back,
  reply: () => box().focus(),
  select: () => (focusedLink() || openLink())?.closest(".row").querySelector("input[type=checkbox]")?.click(),
  "close-next": closeAndOpenNext,
};
const possible = {
  open: () => focusedLink() || tabStop(),
  reply: () => box(),
  back: () => links().length || document.querySelector(".thread-header .back"),
  select: () => document.querySelector("#conversations .row input[type=checkbox]"),
  "close-next": () => elementOf("close")?.form,
};

const canDo = (name) => !!elementOf(name) || (name in ownWays && (possible[name]?.() ?? links().length > 0));

function perform(name) {
  const element = elementOf(name);
  if (element) press(element);
  else if (canDo(name)) ownWays[name]();
}

// What belongs to a conversation acts on the row that has the focus: it is opened first.
function act(name) {
  const link = focusedLink();
  if (!IN_THE_THREAD.has(name) || !link || link === openLink()) return perform(name);
  const wanted = link.closest(".row").id.replace("conversation-", "");
  const opened = () => {
    if (byId("conversation").dataset.conversation !== wanted) return;
    document.removeEventListener("htmx:afterSettle", opened);
    perform(name);
  };
  document.addEventListener("htmx:afterSettle", opened);
  link.click();
}

document.addEventListener("reply48:act", (event) => act(event.detail));

// ── Listening ─────────────────────────────────────────────────────────────────────────────────────────

const NO_TEXT = ["checkbox", "radio", "button", "submit", "reset", "file", "range", "color"];
const isField = (element) => !!element.closest?.("textarea, select, [contenteditable]") || (element.matches?.("input") && !NO_TEXT.includes(element.type));

// A key as the settings write it. Where an alphabet has no Latin letters, the key's place says which is meant.
function written(event) {
  let key = event.key;
  if (key.length !== 1) return "";
  if (key > "\u024f" && /^Key[A-Z]$/.test(event.code)) key = event.code.slice(3).toLowerCase();
  if (key === " ") return "";
  const letter = key.toLowerCase();
  const isLetter = letter !== key.toUpperCase();
  const shift = event.shiftKey && isLetter ? "Shift+" : "";
  if (event.ctrlKey || event.metaKey) return `Mod+${shift}${letter}`;
  return isLetter ? shift + letter : key;
}

function fixedKey(event) {
  const inList = focusedLink();
  if (inList && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    const all = links();
    if (event.key === "ArrowDown") return () => move(1);
    if (event.key === "ArrowUp") return () => move(-1);
    if (event.key === "Home") return () => goTo(all[0]);
    if (event.key === "End") return () => goTo(all.at(-1));
  }
  if (event.key === "Escape" && event.target.closest?.("#thread, #details") && !document.querySelector("details.menu[open]")) {
    if (location.hash === "#details") return () => { location.hash = "#thread"; };
    return event.target === box() && !isListShown() ? () => byId("thread-name").focus() : back;
  }
  return null;
}

function wanted(event, keys) {
  const name = byKeys.get(keys);
  if (!name || !canDo(name) || (event.repeat && !ONCE.has(name))) return null;
  // In a text its own undo comes first; in the empty box it means the reply that has just left.
  if (name === "undo" && isField(event.target) && (event.target !== box() || box().value)) return null;
  return name;
}

let begun = "";
let begunTimer;

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || event.altKey || event.getModifierState("AltGraph")) return;
  if (document.querySelector("dialog[open]")) return;
  const fixed = fixedKey(event);
  if (fixed) {
    event.preventDefault();
    return fixed();
  }
  const key = written(event);
  if (!key || (isField(event.target) && !key.startsWith("Mod+"))) return;
  const inSequence = begun ? `${begun} ${key}` : "";
  clearTimeout(begunTimer);
  begun = "";
  const name = (inSequence && wanted(event, inSequence)) || wanted(event, key);
  if (name) {
    event.preventDefault();
    act(name);
  } else if ([...byKeys.keys()].some((keys) => keys.startsWith(`${key} `))) {
    event.preventDefault();
    begun = key;
    begunTimer = setTimeout(() => { begun = ""; }, SEQUENCE);
  }
});

// ── The keys, told where the action is ────────────────────────────────────────────────────────────────

function tell() {
  for (const element of document.querySelectorAll("[data-action], [data-tells]")) {
    const action = actions[element.dataset.action || element.dataset.tells];
    if (!areOn || !action?.keys || element.dataset.told === action.keys) continue;
    element.dataset.told = action.keys;
    if (action.aria) element.setAttribute("aria-keyshortcuts", action.aria);
    if (element.matches(".menu-item")) element.append(Object.assign(document.createElement("kbd"), { textContent: action.spoken, ariaHidden: "true" }));
    else element.title = `${element.title || element.getAttribute("aria-label") || element.textContent.trim()} (${action.spoken})`;
  }
}

function refresh() {
  rove();
  tell();
}
document.addEventListener("reply48:merged", tell);
document.addEventListener("htmx:afterSettle", refresh);
document.addEventListener("htmx:afterSwap", () => rove());
refresh();
