// Links marked `data-dialog` open in the page's dialog; without this script they are pages. A refused form is
// shown again in place; after an accepted one the page is loaded anew, with the focus where the way began.

const dialog = document.getElementById("dialog");
const BY_SCRIPT = { "HX-Request": "true" };
let opener;

async function ask(address, options = {}) {
  try {
    return await fetch(address, { ...options, headers: BY_SCRIPT, redirect: "error" });
  } catch {
    return null; // no answer, or one that leads elsewhere, such as to the log-in page
  }
}

async function show(answer) {
  dialog.innerHTML = await answer.text();
  if (!dialog.open) dialog.showModal();
  const first = dialog.querySelector("[autofocus]");
  first?.focus();
  first?.select?.();
}

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-dialog]");
  if (dialog && link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    const answer = await ask(link.href);
    if (!answer?.ok) return void location.assign(link.href);
    const menu = link.closest("details");
    opener = menu?.querySelector("summary") ?? link;
    if (menu) menu.open = false;
    await show(answer);
  }
  if (dialog?.open && (event.target === dialog || event.target.closest("[data-close-dialog]"))) {
    event.preventDefault();
    dialog.close();
  }
});

dialog?.addEventListener("close", () => opener?.focus());

dialog?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  for (const button of form.querySelectorAll("button")) button.disabled = true; // once is enough
  const answer = await ask(form.action, { method: "POST", body: new FormData(form) });
  if (answer?.status === 422) return show(answer);
  const next = answer?.headers.get("HX-Redirect");
  if (!next) return void HTMLFormElement.prototype.submit.call(form); // the server's own page says what is wrong
  history.replaceState(null, "", next);
  location.reload();
});

// After a reload the browser scrolls, but leaves the focus at the top.
if (location.hash.startsWith("#menu-")) document.getElementById(location.hash.slice(1))?.focus();

// The page after connecting waits for the first message.
const POLL = 3000;
async function wait() {
  const connected = document.getElementById("connected");
  if (!connected?.dataset.poll) return;
  if (document.visibilityState === "visible") {
    const answer = await ask(connected.dataset.poll);
    if (answer?.ok) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("connected");
      if (fresh && !fresh.dataset.poll) {
        connected.dataset.poll = "";
        const line = document.getElementById("first-message");
        const told = fresh.querySelector("#first-message");
        line.className = told.className;
        line.innerHTML = told.innerHTML;
        return;
      }
    }
  }
  setTimeout(wait, POLL);
}
setTimeout(wait, POLL);
