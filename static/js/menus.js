// Menus close on Esc, and on a click or a focus elsewhere.

const open = () => document.querySelectorAll("details.menu[open]");

function closeOthers(event) {
  for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
}

document.addEventListener("click", closeOthers);
document.addEventListener("focusin", closeOthers);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of open()) {
    event.preventDefault(); // this press is used up
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
