// Links marked `data-dialog` open in the page's dialog; without this script they are pages. Menus close on Esc.

const dialog = document.getElementById("dialog");

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-dialog]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    link.closest("details.menu")?.removeAttribute("open");
    let answer;
    try {
      answer = await fetch(link.href, { headers: { "HX-Request": "true" } });
    } catch {
      answer = { ok: false };
    }
    if (!answer.ok) return void location.assign(link.href);
    dialog.innerHTML = await answer.text();
    htmx.process(dialog);
    dialog.showModal();
    dialog.querySelector("input:checked")?.focus();
  }
  if (event.target === dialog || event.target.closest("[data-close-dialog]")) {
    event.preventDefault();
    dialog.close();
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful && event.detail.elt.matches("[data-closes-dialog]")) dialog.close();
});

dialog.addEventListener("close", () => document.querySelector("a[data-dialog]")?.focus());

document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
