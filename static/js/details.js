// Remembers which sections of the details somebody has folded away.

const KEY = "reply48:folds";

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) || {};
  } catch {
    return {};
  }
}

function apply() {
  const folds = remembered();
  for (const section of document.querySelectorAll("details[data-fold]")) {
    const open = folds[section.dataset.fold];
    if (open !== undefined && section.open !== open) section.open = open;
  }
}

document.addEventListener("click", (event) => {
  const section = event.target.closest("summary")?.parentElement;
  if (!section?.dataset.fold) return;
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...remembered(), [section.dataset.fold]: !section.open }));
  } catch {
    // A browser without storage shows them all.
  }
});
document.addEventListener("reply48:merged", apply);
document.addEventListener("htmx:afterSettle", apply);
apply();
