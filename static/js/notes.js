// Reply or note: the mode changes only when somebody changes it. A note's draft is kept apart from the reply's.

const page = document.getElementById("inbox");
const words = document.getElementById("words").dataset;
const announcer = document.getElementById("announcer");
const area = () => document.getElementById("composer-area");
const form = () => document.getElementById("note-composer");
const box = () => document.getElementById("note-text");
const key = (url) => `reply48:note:${page.dataset.user}:${url}`;
const PAUSE = 800;

// ── The mode ──────────────────────────────────────────────────────────────────────────────────────────

function turnTo(mode) {
  area().dataset.mode = mode;
  for (const part of area().querySelectorAll("[data-mode-part]")) part.hidden = part.dataset.modePart !== mode;
  for (const link of area().querySelectorAll("[data-mode-link]")) {
    if (link.dataset.modeLink === mode) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  document.getElementById(mode === "note" ? "note-text" : "composer-text")?.focus();
  document.dispatchEvent(new CustomEvent("reply48:composer"));
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-mode-link]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  turnTo(link.dataset.modeLink);
});

document.addEventListener("keydown", (event) => {
  if (event.target !== box() || event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
  event.preventDefault();
  form().requestSubmit();
});

// ── The draft: to the server while it is typed, and in this browser until the server has it ───────────────

let timer;
let waiting; // what the server doesn't have yet: { url, text }
let last = Promise.resolve();

function keep(url, text) {
  try {
    if (text) localStorage.setItem(key(url), text);
    else localStorage.removeItem(key(url));
  } catch {
    // The text is in the box, and the server has it soon.
  }
}

function kept(url) {
  try {
    return localStorage.getItem(key(url)) || "";
  } catch {
    return "";
  }
}

async function post({ url, text }, isLeaving) {
  try {
    const headers = { "X-CSRFToken": page.dataset.csrf, "HX-Request": "true" };
    const answer = await fetch(url, { method: "POST", body: new URLSearchParams({ text }), headers, keepalive: isLeaving });
    if (answer.ok && kept(url) === text) keep(url, "");
  } catch {
    // It stays in this browser, and goes with the next letter or the next visit.
  }
}

function send(isLeaving = false) {
  clearTimeout(timer);
  timer = undefined;
  if (!waiting) return;
  const draft = waiting;
  waiting = undefined;
  last = isLeaving ? post(draft, true) : last.then(() => post(draft, false));
}

function changed() {
  waiting = { url: form().dataset.draft, text: box().value };
  keep(waiting.url, waiting.text);
  timer ||= setTimeout(send, PAUSE);
}

document.addEventListener("input", (event) => {
  if (event.target !== box()) return;
  document.getElementById("note-error").replaceChildren();
  changed();
});
document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") send(true); });
addEventListener("pagehide", () => send(true));

function start() {
  if (!box() || box().dataset.started) return;
  box().dataset.started = "yes";
  if (waiting && waiting.url !== form().dataset.draft) send();
  const unsaved = kept(form().dataset.draft);
  if (unsaved && unsaved !== box().value) {
    box().value = unsaved;
    changed();
  }
}

// ── Adding it ─────────────────────────────────────────────────────────────────────────────────────────

let asked; // { text, url } of the note that is under way

document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt !== form()) return;
  clearTimeout(timer);
  timer = undefined;
  asked = { text: box().value, url: form().dataset.draft };
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt.id !== "note-composer" || !asked) return;
  const { text, url } = asked;
  asked = undefined;
  if (!event.detail.successful) {
    if (event.detail.xhr.status !== 422) {
      document.getElementById("note-error").replaceChildren(Object.assign(document.createElement("p"), { textContent: words.noAnswer }));
    }
    if (waiting) timer ||= setTimeout(send, PAUSE);
    return;
  }
  if (form()?.dataset.draft !== url) return void keep(url, "");
  const rest = box().value === text ? "" : box().value;
  box().value = rest;
  waiting = undefined;
  keep(url, rest);
  last = last.then(() => post({ url, text: rest }, false)); // a letter that was still on its way must not bring it back
  announcer.textContent = words.noteAdded;
  if (document.activeElement === document.body) box().focus();
  document.dispatchEvent(new CustomEvent("reply48:noted"));
});
document.addEventListener("htmx:afterSettle", start);
start();
