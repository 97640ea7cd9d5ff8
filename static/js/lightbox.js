// Pictures marked `data-lightbox` open large over the page, one after the other with the arrow keys; without this
// script they open in a tab.

const box = document.getElementById("lightbox");
const picture = box.querySelector("img");
const original = box.querySelector("a");
const place = box.querySelector(".lightbox-place");
const links = () => [...document.querySelectorAll("a[data-lightbox]")];
let opener;

function show(link) {
  opener = link;
  picture.src = original.href = link.href;
  picture.alt = link.querySelector("img").alt;
  const all = links();
  const number = all.indexOf(link) + 1;
  place.textContent = place.dataset.words.replace("{n}", number).replace("{all}", all.length);
  for (const button of box.querySelectorAll("[data-step]")) {
    const leadsNowhere = !all[number - 1 + Number(button.dataset.step)];
    if (leadsNowhere && button === document.activeElement) box.querySelector("[data-close]").focus();
    button.disabled = leadsNowhere;
  }
}

function step(by) {
  const all = links();
  const next = all[all.indexOf(opener) + by];
  if (next) show(next);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-lightbox]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  show(link);
  box.showModal();
});

box.addEventListener("click", (event) => {
  const stepping = event.target.closest("[data-step]");
  if (stepping) step(Number(stepping.dataset.step));
  else if (event.target === box || event.target.closest("[data-close]")) box.close();
});
box.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") step(-1);
  else if (event.key === "ArrowRight") step(1);
  else return;
  event.preventDefault();
});
box.addEventListener("close", () => {
  picture.removeAttribute("src");
  if (opener?.isConnected) opener.focus();
});
