// The list: rows that are ticked for what is done with several at once, and rows that come in above while it is scrolled.

const words = document.getElementById("words").dataset;
const announcer = document.getElementById("announcer");
const rows = () => document.getElementById("conversations");
const dialog = document.getElementById("dialog");
const NEAR = 24;

// ── Ticked rows ───────────────────────────────────────────────────────────────────────────────────────

const boxes = () => [...document.querySelectorAll('#conversations .row-box input')];
let lastTicked = null;

function showTicked() {
  const count = document.getElementById("bulk-count");
  if (!count) return;
  const all = boxes();
  const ticked = all.filter((box) => box.checked).length;
  count.textContent = ticked === 1 ? count.dataset.one : count.dataset.many.replace("{n}", ticked);
  const everything = document.getElementById("bulk-all");
  everything.checked = ticked > 0 && ticked === all.length;
  everything.indeterminate = ticked > 0 && ticked < all.length;
}

function untick() {
  for (const box of boxes()) box.checked = false;
  showTicked();
}

document.addEventListener("change", (event) => {
  if (event.target.id === "bulk-all") for (const box of boxes()) box.checked = event.target.checked;
  if (event.target.id === "bulk-all" || event.target.closest(".row-box")) showTicked();
});

// With Shift, all rows between the last ticked one and this one.
document.addEventListener("click", (event) => {
  const box = event.target.closest?.("#conversations .row-box input");
  if (!box) return;
  const all = boxes();
  if (event.shiftKey && lastTicked?.isConnected) {
    const [from, to] = [all.indexOf(lastTicked), all.indexOf(box)].sort((one, other) => one - other);
    for (const between of all.slice(from, to + 1)) between.checked = box.checked;
    showTicked();
  }
  lastTicked = box;
});

// Without an answer for the dialog, the question is a page of its own.
function leaveTo(action, body) {
  const form = Object.assign(document.createElement("form"), { method: "post", action, hidden: true });
  for (const [name, value] of body) form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  document.body.append(form);
  form.submit();
}

// What needs an answer first (to whom, which label, until when) is asked in the dialog.
document.addEventListener("submit", async (event) => {
  const asked = event.submitter?.closest("[data-ask]");
  if (!asked) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const body = new URLSearchParams(new FormData(event.target, asked));
  try {
    const answer = await fetch(asked.formAction, { method: "POST", body, headers: { "HX-Request": "true" } });
    if (!answer.ok) throw new Error(answer.status);
    dialog.innerHTML = await answer.text();
  } catch {
    return void leaveTo(asked.formAction, body);
  }
  htmx.process(dialog);
  dialog.showModal();
  dialog.querySelector("input:checked")?.focus();
}, true);

document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful && event.detail.requestConfig.path.includes("/several/")) untick();
});

// ── Rows that come in above ───────────────────────────────────────────────────────────────────────────

const pill = () => document.getElementById("new-above");
let above = new Set();

function showAbove() {
  pill().hidden = !above.size;
  pill().querySelector("span").textContent = above.size === 1 ? words.oneNewAbove : words.newAbove.replace("{n}", above.size);
}

document.addEventListener("reply48:merged", (event) => {
  showTicked();
  const open = document.getElementById("conversation").dataset.conversation;
  const fresh = (event.detail?.arrived || []).filter((row) => row.isConnected && row.classList.contains("is-unread") && row.id !== `conversation-${open}`);
  if (!fresh.length) return;
  const top = rows().getBoundingClientRect().top;
  const hidden = rows().scrollTop > NEAR ? fresh.filter((row) => row.getBoundingClientRect().bottom <= top + 1) : [];
  for (const row of hidden) above.add(row.id);
  showAbove();
  announcer.textContent = fresh.length === 1 ? words.oneNewAbove : words.newAbove.replace("{n}", fresh.length);
});

document.addEventListener("click", (event) => {
  if (!event.target.closest?.("#new-above")) return;
  rows().scrollTo({ top: 0 });
  rows().querySelector(".row > a")?.focus({ preventScroll: true });
});

document.addEventListener("scroll", (event) => {
  if (event.target !== rows() || rows().scrollTop > NEAR) return;
  above = new Set();
  showAbove();
}, true);

document.addEventListener("htmx:afterSwap", showTicked);
showTicked();
