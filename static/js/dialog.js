// Links marked `data-dialog` open in the page's dialog; without this script they are pages.

const dialog = document.getElementById("dialog");
let opener;

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
    dialog.innerHTML = await answer.text();
    htmx.process(dialog);
    if (!dialog.open) dialog.showModal();
    dialog.querySelector("[autofocus], input:checked")?.focus();
    document.dispatchEvent(new CustomEvent("reply48:dialog"));
  }
  if (event.target === dialog || event.target.closest("[data-close-dialog]")) {
    event.preventDefault();
    dialog.close();
  }
});

document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful && event.detail.elt.matches("[data-closes-dialog]")) dialog.close();
});

// What opened it may have been drawn anew meanwhile.
dialog.addEventListener("close", () => {
  dialog.replaceChildren();
  (opener?.isConnected ? opener : document.querySelector("#thread a[data-dialog]"))?.focus();
});
