// Shows who else is in a conversation: a mark in its row, words under the thread's header. The server says who; see
// `inbox/presence.py`.

const MOST = 5; // more names than that tell nobody anything
const signs = () => [...document.querySelectorAll("#presence > li")];

function mark(sign) {
  return document.importNode(sign.querySelector(".presence-mark"), true);
}

function showInRows(all) {
  for (const slot of document.querySelectorAll("#conversations .row-presence")) {
    const link = slot.closest("a");
    const here = all.filter((sign) => `conversation-${sign.dataset.conversation}` === slot.closest(".row").id).slice(0, MOST);
    const spoken = here.map((sign) => `, ${sign.dataset.words}`).join("");
    if (slot.dataset.shows === spoken) continue;
    slot.dataset.shows = spoken;
    slot.replaceChildren(...here.slice(0, 3).map(mark));
    const name = link.getAttribute("aria-label");
    const before = link.dataset.presence || "";
    link.setAttribute("aria-label", (name.endsWith(before) ? name.slice(0, name.length - before.length) : name) + spoken);
    link.dataset.presence = spoken; // clock.js keeps it
  }
}

function showInThread(all) {
  const slot = document.getElementById("thread-presence");
  const open = document.getElementById("conversation")?.dataset.conversation;
  const here = all.filter((sign) => sign.dataset.conversation === open).slice(0, MOST);
  const spoken = here.map((sign) => sign.dataset.words).join(", ");
  if (slot && slot.dataset.shows !== spoken) {
    slot.dataset.shows = spoken;
    slot.replaceChildren(...here.slice(0, 3).flatMap((sign) => {
      const words = Object.assign(document.createElement("span"), { className: "presence-words", textContent: sign.dataset.words });
      return [mark(sign), words];
    }));
    slot.classList.toggle("is-typing", here.some((sign) => sign.hasAttribute("data-typing")));
  }
}

function show() {
  const all = signs();
  showInRows(all);
  showInThread(all);
}

document.addEventListener("reply48:merged", show);
document.addEventListener("htmx:afterSettle", show);
show();
