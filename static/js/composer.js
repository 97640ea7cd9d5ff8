// The box that agents type in: its counter, its draft, its keys, its lock. What was typed is never lost:
// it is kept in this browser until the server has taken it.

const words = document.getElementById("words").dataset;
const page = document.getElementById("inbox");
const box = () => document.getElementById("composer-text");
const sendButton = () => document.getElementById("composer-send");
const openConversation = () => document.getElementById("conversation")?.dataset.conversation;
const draftKey = (conversation) => `reply48:draft:${page.dataset.user}:${conversation}`;

function keepDraft(conversation, text) {
  try {
    if (text) localStorage.setItem(draftKey(conversation), text);
    else localStorage.removeItem(draftKey(conversation));
  } catch {
    // A browser without storage keeps the text in the box only.
  }
}

function keptDraft(conversation) {
  try {
    return localStorage.getItem(draftKey(conversation)) || "";
  } catch {
    return "";
  }
}

function grow(textarea) {
  if (CSS.supports("field-sizing", "content")) return;
  textarea.style.height = "auto";
  textarea.style.height = `${textarea.scrollHeight}px`;
}

function count(textarea) {
  const limit = Number(textarea.dataset.limit);
  const length = [...textarea.value].length;
  const counter = document.getElementById("composer-count");
  counter.textContent = `${length.toLocaleString("en")}/${limit.toLocaleString("en")}`;
  counter.classList.toggle("is-near", length > limit * 0.9);
  counter.classList.toggle("is-over", length > limit);
}

function refresh() {
  const textarea = box();
  if (!textarea) return;
  const locked = document.getElementById("composer-lock").dataset.locked === "yes";
  textarea.readOnly = locked;
  if (!sendButton().hasAttribute("data-disabled-by-htmx")) sendButton().disabled = locked;
  count(textarea);
  grow(textarea);
}

function start() {
  const textarea = box();
  if (!textarea || textarea.dataset.started) return;
  textarea.dataset.started = "yes";
  if (!textarea.value) textarea.value = keptDraft(openConversation());
  refresh();
}

function sayError(form, text) {
  const place = form.querySelector("#composer-error");
  place.replaceChildren();
  if (text) place.append(Object.assign(document.createElement("p"), { textContent: text }));
}

document.addEventListener("input", (event) => {
  if (event.target !== box()) return;
  keepDraft(openConversation(), event.target.value);
  sayError(event.target.form, "");
  count(event.target);
  grow(event.target);
});

document.addEventListener("keydown", (event) => {
  if (event.target === box() && event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) {
    event.preventDefault();
    if (!sendButton().disabled) event.target.form.requestSubmit();
  }
});

const sent = new WeakMap();

document.addEventListener("htmx:beforeRequest", (event) => {
  const form = event.detail.elt;
  if (form.id !== "composer") return;
  sent.set(form, { text: form.elements.text.value, conversation: openConversation() });
  sayError(form, "");
});

document.addEventListener("htmx:afterRequest", (event) => {
  const form = event.detail.elt;
  if (form.id !== "composer" || !sent.has(form)) return;
  const { text, conversation } = sent.get(form);
  if (event.detail.successful) {
    if (form.elements.text.value === text) form.elements.text.value = "";
    keepDraft(conversation, form.elements.text.value);
    document.dispatchEvent(new CustomEvent("reply48:replied"));
  } else if (!event.detail.xhr.status || event.detail.xhr.status >= 500) {
    sayError(form, words.noAnswer);
  }
  queueMicrotask(refresh);
});

// htmx gives the button back after the request, whatever the lock says meanwhile.
document.addEventListener("htmx:afterSettle", () => { start(); refresh(); });
document.addEventListener("htmx:afterOnLoad", () => setTimeout(refresh));
document.addEventListener("reply48:merged", refresh);
start();
