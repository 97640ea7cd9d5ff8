// A picture to send: chosen, dropped or pasted; shown before it is sent. The server checks it again.

const words = document.getElementById("words").dataset;
const announcer = document.getElementById("announcer");
const byId = (id) => document.getElementById(id);
const input = () => byId("composer-image");
const KINDS = ["image/jpeg", "image/png", "image/webp"];
const LARGEST = 20 * 1024 * 1024;

let address = "";
let lastSent;

const size = (bytes) => (bytes < 1024 * 1024 ? `${Math.max(1, Math.round(bytes / 1024))} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`);
const isLocked = () => byId("composer-lock").dataset.locked === "yes";

function refuse(text) {
  const place = byId("composer-error");
  place.classList.remove("is-question");
  place.replaceChildren(Object.assign(document.createElement("p"), { textContent: text }));
}

// Why no picture may be added now; empty when one may.
function reason() {
  if (isLocked()) return byId("composer-lock").textContent.trim();
  const told = byId("composer-images");
  return told.dataset.allowed === "yes" ? "" : told.textContent.trim();
}

function show() {
  const place = byId("composer-picture");
  if (!place) return;
  const [file] = input().files;
  if (address) URL.revokeObjectURL(address);
  address = file ? URL.createObjectURL(file) : "";
  place.hidden = !file;
  if (file) {
    place.querySelector("img").src = address;
    place.querySelector("p span").textContent = file.name;
    place.querySelector("p small").textContent = size(file.size);
  }
  document.dispatchEvent(new CustomEvent("reply48:composer"));
}

function take(files) {
  const stopped = reason();
  const [file] = files;
  if (stopped) return refuse(stopped);
  if (!KINDS.includes(file.type)) return refuse(words.notAPicture);
  if (file.size > LARGEST) return refuse(words.tooLarge.replace("{n}", (file.size / 1024 / 1024).toFixed(1)));
  const kept = new DataTransfer();
  kept.items.add(file);
  input().files = kept.files;
  byId("composer-error").replaceChildren();
  if (files.length > 1) refuse(words.onePicture);
  announcer.textContent = words.pictureAdded.replace("{n}", file.name);
  show();
  byId("composer-text").focus();
}

function drop() {
  input().value = "";
  show();
}

function refresh() {
  const button = byId("composer-attach");
  if (!button) return;
  const stopped = reason();
  button.setAttribute("aria-disabled", stopped ? "true" : "false");
  button.title = stopped || button.getAttribute("aria-label");
}

document.addEventListener("click", (event) => {
  if (event.target.closest("#composer-attach")) {
    const stopped = reason();
    if (stopped) refuse(stopped);
    else input().click();
  } else if (event.target.closest("[data-remove-picture]")) {
    drop();
    byId("composer-text").focus();
  }
});
document.addEventListener("change", (event) => {
  if (event.target !== input() || !event.target.files.length) return;
  const files = [...event.target.files];
  event.target.value = "";
  take(files);
});

document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files || [])];
  if (!files.length || !byId("composer") || !event.target.closest?.("#composer")) return;
  event.preventDefault();
  take(files);
});

const dropZone = (event) => (event.dataTransfer?.types.includes("Files") ? event.target.closest?.("#thread") : null);
const mark = (isOver) => byId("composer-box")?.classList.toggle("is-dropped-on", isOver);

document.addEventListener("dragover", (event) => {
  if (!dropZone(event) || !byId("composer")) return mark(false);
  event.preventDefault();
  event.dataTransfer.dropEffect = reason() ? "none" : "copy";
  mark(!reason());
});
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) mark(false); });
document.addEventListener("drop", (event) => {
  mark(false);
  if (!dropZone(event) || !byId("composer")) return;
  event.preventDefault();
  if (event.dataTransfer.files.length) take([...event.dataTransfer.files]);
});

document.addEventListener("reply48:sending", () => { [lastSent] = input().files; });
document.addEventListener("reply48:replied", drop);
document.addEventListener("reply48:taken-back", () => {
  if (!lastSent || !input() || input().files.length) return;
  const kept = new DataTransfer();
  kept.items.add(lastSent);
  input().files = kept.files;
  show();
});
document.addEventListener("reply48:composer-started", () => { lastSent = undefined; show(); refresh(); });
document.addEventListener("reply48:merged", refresh);
refresh();
