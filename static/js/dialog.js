// Links marked `data-dialog` open in the page's dialog; without this script they are pages.

const dialog = document.getElementById("dialog");
let opener; // what the focus goes back to; a refreshed header has it anew, with the same name

function fill(html) {
  dialog.innerHTML = html;
  htmx.process(dialog);
  for (const part of dialog.querySelectorAll("[data-needs-script]")) part.hidden = false;
  (dialog.querySelector("[autofocus]") || dialog.querySelector("input:checked"))?.focus();
}

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-dialog]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    // By a key the way began elsewhere; what is in a menu is gone when the menu closes.
    const began = document.activeElement === document.body ? link : document.activeElement;
    opener = began.closest("details.menu")?.querySelector("summary") || began;
    let answer;
    try {
      answer = await fetch(link.href, { headers: { "HX-Request": "true" } });
    } catch {
      answer = { ok: false };
    }
    if (!answer.ok) return void location.assign(link.href);
    for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
    if (!dialog.open) dialog.showModal();
    fill(await answer.text());
    document.dispatchEvent(new CustomEvent("reply48:dialog"));
  }
  if (event.target === dialog || event.target.closest("[data-close-dialog]")) {
    event.preventDefault();
    dialog.close();
  }
});

// What was wrong, or a question back, stands in the dialog. Not `detail.elt`: when a piece of the dialog has
// replaced itself, htmx names what stood around it there.
document.addEventListener("htmx:afterRequest", (event) => {
  const { requestConfig, successful, xhr } = event.detail;
  if (!requestConfig.elt.matches("[data-closes-dialog]")) return;
  if (successful) dialog.close();
  else if (xhr.status === 422) fill(xhr.responseText);
});

dialog.addEventListener("close", () => {
  dialog.replaceChildren();
  const again = document.querySelector(`[data-action="${opener?.dataset.action}"]`);
  const shown = [opener, again, document.querySelector("#thread-menu > summary")].find((one) => one?.getClientRects().length && one.isConnected);
  (shown || document.getElementById("thread-name"))?.focus();
});

// A field that narrows down the choices below it.
dialog.addEventListener("input", (event) => {
  const choices = document.getElementById(event.target.dataset.filters || "");
  if (!choices) return;
  const wanted = event.target.value.trim().toLowerCase();
  let found = 0;
  for (const choice of choices.querySelectorAll("[data-search]")) {
    choice.hidden = !choice.dataset.search.includes(wanted);
    found += !choice.hidden;
  }
  choices.querySelector("[data-nothing-found]").hidden = found > 0;
});
// Enter in it ticks the first one that is left; Enter in an empty one saves.
dialog.addEventListener("keydown", (event) => {
  const choices = document.getElementById(event.target.dataset?.filters || "");
  if (!choices || event.key !== "Enter" || !event.target.value.trim()) return;
  event.preventDefault();
  choices.querySelector("[data-search]:not([hidden]) input")?.click();
  event.target.value = "";
  event.target.dispatchEvent(new Event("input", { bubbles: true }));
});
