// The box that agents type in: its counter, its hints, its keys, its lock, the quote, the undo. Pictures are
// picture.js, drafts are drafts.js. Whatever changes the box says so with `reply48:composer`.

const words = document.getElementById("words").dataset;
const announcer = document.getElementById("announcer");
const byId = (id) => document.getElementById(id);
const box = () => byId("composer-text");
const sendButton = () => byId("composer-send");
const openConversation = () => byId("conversation")?.dataset.conversation;
const LINK = /\b(https?:\/\/|www\.)\S|\b[\w-]+\.(com|net|org|shop|store|io|co|me|app|id|uk|de|fr|es|it|nl)\b/i;

function grow(textarea) {
  if (CSS.supports("field-sizing", "content")) return;
  textarea.style.height = "auto";
  textarea.style.height = `${textarea.scrollHeight}px`;
}

function count(textarea) {
  const limit = Number(textarea.dataset.limit);
  const length = [...textarea.value].length;
  const counter = byId("composer-count");
  const said = (number) => number.toLocaleString(document.documentElement.lang);
  counter.textContent = `${said(length)}/${said(limit)}`;
  counter.classList.toggle("is-used", length > 0);
  counter.classList.toggle("is-near", length > limit * 0.9);
  counter.classList.toggle("is-over", length > limit);
}

function say(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

// What this press will cost, and what speaks against it.
function weigh(textarea) {
  const uses = document.querySelector(".composer-uses");
  const isTwo = textarea.value.trim() !== "" && byId("composer-image").files.length > 0;
  const left = Number(uses?.dataset.left || 0);
  if (uses) say(uses, words.uses.replace("{n}", isTwo ? 2 : 1).replace("{left}", left));
  const hints = [];
  if (isTwo && uses) hints.push((left < 2 ? words.tooFew : words.twoMessages).replace("{n}", left));
  if (LINK.test(textarea.value)) hints.push(words.link);
  say(byId("composer-hint"), hints.join(" "));
}

function refresh() {
  const textarea = box();
  if (!textarea) return;
  const locked = byId("composer-lock").dataset.locked === "yes";
  textarea.readOnly = locked;
  if (!sendButton().hasAttribute("data-disabled-by-htmx")) sendButton().disabled = locked;
  byId("composer-later").inert = locked;
  byId("composer-emoji").inert = locked;
  count(textarea);
  grow(textarea);
  weigh(textarea);
}

function sayError(form, text) {
  const place = form.querySelector("#composer-error");
  place.replaceChildren();
  place.classList.remove("is-question");
  if (text) place.append(Object.assign(document.createElement("p"), { textContent: text }));
}

// ── What the agent had seen when they last typed: a colleague's newer reply holds theirs back for a look ──

function noteNewest() {
  const ids = [...document.querySelectorAll("#messages > .message")].map((item) => Number(item.id.slice("message-".length)));
  byId("composer-newest").value = ids.length ? Math.max(...ids) : 0;
}

function start() {
  const textarea = box();
  if (!textarea || textarea.dataset.started) return;
  textarea.dataset.started = "yes";
  noteNewest();
  document.dispatchEvent(new CustomEvent("reply48:composer-started"));
  refresh();
}

document.addEventListener("input", (event) => {
  if (event.target !== box()) return;
  noteNewest();
  sayError(event.target.form, "");
  refresh();
});
document.addEventListener("reply48:composer", refresh);

// Ctrl or Cmd with Enter sends, with Shift it closes, too. Who has chosen so sends with Enter alone.
document.addEventListener("keydown", (event) => {
  if (event.target !== box() || event.key !== "Enter" || event.isComposing || event.altKey || event.defaultPrevented) return;
  const withMod = event.ctrlKey || event.metaKey;
  const alone = byId("inbox").dataset.enterSends === "yes" && !event.shiftKey;
  if (!withMod && !alone) return;
  event.preventDefault();
  if (sendButton().disabled) return;
  closes = withMod && event.shiftKey && !!byId("composer-send-close");
  event.target.form.requestSubmit(sendButton());
  closes = false;
});
// htmx knows only of buttons that were really pressed.
let closes = false;
document.addEventListener("htmx:configRequest", (event) => {
  if (closes && event.detail.elt.id === "composer") event.detail.parameters.close = "1";
});

// ── The quote ─────────────────────────────────────────────────────────────────────────────────────────

function quote(id, text) {
  byId("composer-quoted").value = id;
  byId("composer-quote").hidden = !id;
  byId("composer-quote").querySelector("blockquote").textContent = text;
}

document.addEventListener("click", (event) => {
  const answer = event.target.closest("[data-quote]");
  if (answer) quote(answer.dataset.quote, answer.dataset.quoted);
  else if (event.target.closest("[data-remove-quote]")) quote("", "");
  else return;
  box()?.focus();
});

// ── A time to send at: the browser knows the agent's zone, the server doesn't ───────────────────────────

const localTime = (moment) => new Date(moment - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

document.addEventListener("toggle", (event) => {
  if (event.target.id !== "composer-later" || !event.target.open) return;
  const time = byId("composer-time");
  const latest = byId("composer-latest").dataset.latest;
  time.min = localTime(new Date());
  if (latest) {
    time.max = localTime(new Date(latest));
    const spoken = new Date(latest).toLocaleString(document.documentElement.lang, { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    byId("composer-latest").textContent = words.latestSafe.replace("{n}", spoken);
  }
  if (!time.value) {
    const soon = new Date(Math.ceil((Date.now() + 30 * 60_000) / 900_000) * 900_000);
    time.value = localTime(latest && soon > new Date(latest) ? new Date(latest) : soon);
  }
  time.focus();
}, true);

document.addEventListener("submit", (event) => {
  if (event.target.id !== "composer") return;
  const chosen = byId("composer-time").value;
  byId("composer-send-at").value = chosen ? new Date(chosen).toISOString() : "";
}, true);

// ── Sending and taking back ───────────────────────────────────────────────────────────────────────────

const sent = new WeakMap();

document.addEventListener("htmx:beforeRequest", (event) => {
  const form = event.detail.elt;
  if (form.id !== "composer") return;
  sent.set(form, { text: form.elements.text.value, conversation: openConversation() });
  document.dispatchEvent(new CustomEvent("reply48:sending", { detail: { conversation: openConversation() } }));
  sayError(form, "");
});

document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.detail.elt;
  if (form.id !== "composer" || !sent.has(form)) return;
  const { text, conversation } = sent.get(form);
  if (event.detail.successful) {
    if (form.elements.text.value === text) form.elements.text.value = "";
    byId("composer-later").open = false;
    byId("composer-time").value = "";
    quote("", "");
    document.dispatchEvent(new CustomEvent("reply48:replied", { detail: { conversation, text: form.elements.text.value } }));
    if (document.activeElement === document.body) box().focus();
  } else if (!event.detail.xhr.status || event.detail.xhr.status >= 500) {
    sayError(form, words.noAnswer);
  }
  queueMicrotask(refresh);
});

document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.detail.elt;
  if (!form.matches?.("[data-takes-back]") || !event.detail.successful) return;
  const answer = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
  const text = answer.querySelector("[data-taken-back]")?.textContent || "";
  if (box() && !box().value && text) {
    box().value = text;
    announcer.textContent = words.takenBack;
  }
  box()?.focus();
  document.dispatchEvent(new CustomEvent("reply48:taken-back"));
  refresh();
});

// "Sending in 4 s": steps by itself until the server says that it has left.
setInterval(() => {
  for (const place of document.querySelectorAll("[data-leaves-at]")) {
    const seconds = Math.ceil((Date.parse(place.dataset.leavesAt) - Date.now()) / 1000);
    say(place, seconds > 0 ? words.leavesIn.replace("{n}", seconds) : words.sending);
    const undo = place.closest(".message").querySelector(".message-action");
    if (undo) undo.hidden = seconds <= 0;
  }
}, 250);

// htmx gives the button back after the request, whatever the lock says meanwhile.
document.addEventListener("htmx:afterSettle", () => { start(); refresh(); });
document.addEventListener("htmx:afterOnLoad", () => setTimeout(refresh));
document.addEventListener("reply48:merged", refresh);
start();
