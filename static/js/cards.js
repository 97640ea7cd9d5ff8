// The dialog that asks a question: counters, the card as the customer will see it, and what was typed is kept in
// this browser until it is sent.

const page = document.getElementById("inbox");
const dialog = document.getElementById("dialog");
const form = () => dialog.querySelector("form.question");
const fields = () => [...form().querySelectorAll("input[data-limit]")];
const key = () => `reply48:question:${page.dataset.user}:${new URL(form().action).pathname}`;

function show(field) {
  const limit = Number(field.dataset.limit);
  const length = [...field.value.trim()].length;
  const counter = form().querySelector(`[data-counts="${field.id}"]`);
  counter.textContent = `${length}/${limit}`;
  counter.classList.toggle("is-over", length > limit);
  const preview = document.getElementById(field.dataset.shows);
  preview.textContent = field.value.trim() || (preview.matches("li") ? "" : "…");
  if (preview.matches("li")) preview.hidden = !field.value.trim();
}

function keep() {
  try {
    const typed = fields().map((field) => field.value);
    if (typed.some((text) => text.trim())) localStorage.setItem(key(), JSON.stringify(typed));
    else localStorage.removeItem(key());
  } catch {
    // A browser without storage keeps it in the dialog.
  }
}

function restore() {
  try {
    const typed = JSON.parse(localStorage.getItem(key()) || "[]");
    if (fields().some((field) => field.value)) return; // an earlier question is being asked again
    fields().forEach((field, place) => { field.value = typed[place] || ""; });
  } catch {
    // Nothing was kept.
  }
}

document.addEventListener("reply48:dialog", () => {
  if (!form()) return;
  restore();
  fields().forEach(show);
});
dialog.addEventListener("input", (event) => {
  if (!event.target.matches("form.question input[data-limit]")) return;
  show(event.target);
  keep();
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful && event.detail.requestConfig.elt === form()) localStorage.removeItem(key());
});
