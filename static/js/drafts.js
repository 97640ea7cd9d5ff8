// What was typed is never lost: it goes to the server while it is typed, and stays in this browser until the
// server has it. The same request says that somebody types.

const page = document.getElementById("inbox");
const box = () => document.getElementById("composer-text");
const conversation = () => document.getElementById("conversation");
const key = (id) => `reply48:draft:${page.dataset.user}:${id}`;
const PAUSE = 800;
const TYPING_EVERY = 5_000;

let timer;
let waiting; // what the server doesn't have yet: { id, url, text }
let lastTyping = 0;
let last = Promise.resolve();
const known = new Set(); // conversations of which the server holds a draft

function keep(id, text) {
  try {
    if (text) localStorage.setItem(key(id), text);
    else localStorage.removeItem(key(id));
  } catch {
    // A browser without storage keeps the text in the box, and the server has it soon.
  }
}

function kept(id) {
  try {
    return localStorage.getItem(key(id)) || "";
  } catch {
    return "";
  }
}

async function post({ id, url, text }, { isTyping, isLeaving }) {
  const body = new URLSearchParams({ text, view: page.dataset.view, sort: page.dataset.sort, q: page.dataset.q });
  if (isTyping) body.set("typing", "1");
  try {
    const headers = { "X-CSRFToken": page.dataset.csrf, "HX-Request": "true" };
    const answer = await fetch(url, { method: "POST", body, headers, keepalive: isLeaving });
    if (!answer.ok) return;
    if (kept(id) === text) keep(id, "");
    if (text.trim()) known.add(id);
    else known.delete(id);
    if (answer.status !== 200) return;
    const cursor = Number(answer.headers.get("X-Timeline-Cursor"));
    document.dispatchEvent(new CustomEvent("reply48:merge", { detail: { html: await answer.text(), cursor } }));
  } catch {
    // It stays in this browser, and goes with the next letter or the next visit.
  }
}

// One after the other: an older text never comes after a newer one.
function send({ isLeaving = false } = {}) {
  clearTimeout(timer);
  timer = undefined;
  if (!waiting) return;
  const draft = waiting;
  const isTyping = !isLeaving && draft.text.trim() !== "" && Date.now() - lastTyping > TYPING_EVERY;
  if (isTyping) lastTyping = Date.now();
  waiting = undefined;
  if (isLeaving) post(draft, { isTyping, isLeaving });
  else last = last.then(() => post(draft, { isTyping, isLeaving }));
}

function changed(text) {
  const open = conversation();
  waiting = { id: open.dataset.conversation, url: open.dataset.draft, text };
  keep(waiting.id, text);
  timer ||= setTimeout(send, PAUSE);
}

document.addEventListener("input", (event) => { if (event.target === box()) changed(event.target.value); });
document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") send({ isLeaving: true }); });
addEventListener("pagehide", () => send({ isLeaving: true }));

document.addEventListener("reply48:composer-started", () => {
  if (waiting && waiting.id !== conversation().dataset.conversation) send();
  const id = conversation().dataset.conversation;
  if (box().value) known.add(id);
  // Only what the server never got is still here.
  const unsaved = kept(id);
  if (unsaved && unsaved !== box().value) {
    box().value = unsaved;
    changed(unsaved);
  }
});
// The reply ended the draft on the server; a letter that was still on its way there must not bring it back.
document.addEventListener("reply48:sending", () => { clearTimeout(timer); timer = undefined; });
document.addEventListener("reply48:replied", (event) => {
  const { conversation: id, text } = event.detail;
  waiting = undefined;
  keep(id, text);
  const open = conversation();
  if (open?.dataset.conversation !== id) return;
  const url = open.dataset.draft;
  if (text || known.has(id)) last = last.then(() => post({ id, url, text }, {}));
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt.id === "composer" && !event.detail.successful && waiting) timer ||= setTimeout(send, PAUSE);
});
document.addEventListener("reply48:taken-back", () => { if (box()?.value) changed(box().value); });
