// A small choice of emoji for the box: arrows move, Enter takes, Esc closes.

const FACES = "😀 😄 😊 🙂 😉 😍 🥰 😘 😂 🤣 😅 😎 🤩 🤗 🤔 😮 😢 😭 😔 😬 🙄 😴 🥳 😇";
const HANDS = "👍 👎 👌 👏 🙌 🙏 💪 👋 🤝 ✌️ 🤞 👇 👉";
const THINGS = "❤️ 🧡 💛 💚 💙 💜 🔥 ✨ ⭐ 🎉 🎁 💯 ✅ ❌ ⚠️ ❓ 📦 🚚 💳 🏷️ 🛍️ 📷 📍 ⏰";
const ALL = `${FACES} ${HANDS} ${THINGS}`.split(" ");
const COLUMNS = 8;

const byId = (id) => document.getElementById(id);

function fill(place) {
  if (place.childElementCount) return;
  for (const emoji of ALL) place.append(Object.assign(document.createElement("button"), { type: "button", textContent: emoji, tabIndex: -1 }));
  place.firstElementChild.tabIndex = 0;
}

function put(emoji) {
  const box = byId("composer-text");
  box.setRangeText(emoji, box.selectionStart, box.selectionEnd, "end");
  box.dispatchEvent(new Event("input", { bubbles: true }));
  byId("composer-emoji").open = false;
  box.focus();
}

document.addEventListener("toggle", (event) => {
  if (event.target.id !== "composer-emoji" || !event.target.open) return;
  const place = event.target.querySelector(".menu-box");
  fill(place);
  place.querySelector('[tabindex="0"]').focus();
}, true);

document.addEventListener("click", (event) => {
  const chosen = event.target.closest("#composer-emoji .menu-box button");
  if (chosen) put(chosen.textContent);
});

document.addEventListener("keydown", (event) => {
  const here = event.target.closest?.("#composer-emoji .menu-box button");
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: COLUMNS, ArrowUp: -COLUMNS }[event.key];
  if (!here || !step) return;
  event.preventDefault();
  const all = [...here.parentElement.children];
  const next = all[all.indexOf(here) + step];
  if (!next) return;
  here.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
});
