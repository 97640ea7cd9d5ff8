// Pictures marked `data-lightbox` open large over the page; without this script they open in a tab.

const box = document.getElementById("lightbox");
const picture = box.querySelector("img");
const original = box.querySelector("a");
let opener;

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-lightbox]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  opener = link;
  picture.src = original.href = link.href;
  picture.alt = link.querySelector("img").alt;
  box.showModal();
});

box.addEventListener("click", (event) => { if (event.target === box || event.target.closest("button")) box.close(); });
box.addEventListener("close", () => {
  picture.removeAttribute("src");
  if (opener?.isConnected) opener.focus({ preventScroll: true });
});
