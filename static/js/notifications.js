// Tells what the server decided to tell: by the browser, by a sound, in the tab. Of several open pages one tells it.

const LAST = "reply48:told";
const page = document.getElementById("inbox");
const icon = document.querySelector('link[rel="icon"]');
const plainIcon = icon.href;

// ── The sound: two short tones, made here ─────────────────────────────────────────────────────────────

let audio;

async function ring() {
  audio ||= new AudioContext();
  await audio.resume();
  [660, 880].forEach((frequency, place) => {
    const begins = audio.currentTime + place * 0.14;
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.type = "sine";
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0.0001, begins);
    volume.gain.exponentialRampToValueAtTime(0.18, begins + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, begins + 0.28);
    tone.connect(volume).connect(audio.destination);
    tone.start(begins);
    tone.stop(begins + 0.3);
  });
  document.dispatchEvent(new CustomEvent("reply48:rang"));
}

// ── Notices ───────────────────────────────────────────────────────────────────────────────────────────

function isLookedAt(notice) {
  const open = document.getElementById("conversation")?.dataset.conversation;
  return document.visibilityState === "visible" && document.hasFocus() && open === notice.dataset.conversation;
}

function pop({ title, text, address, number }) {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  const shown = new Notification(title, { body: text, icon: plainIcon, tag: `reply48-${number}` });
  shown.onclick = () => {
    window.focus();
    shown.close();
    if (address) location.assign(address);
  };
}

// Another page of the same person may be telling the same at this moment: the lock lets one of them be the first.
const alone = (run) => (navigator.locks ? navigator.locks.request(LAST, run) : run());

async function firstToTell(numbers) {
  const key = `${LAST}:${page.dataset.user}`;
  return alone(() => {
    try {
      const last = Number(localStorage.getItem(key) || 0);
      const news = numbers.filter((number) => number > last);
      if (news.length) localStorage.setItem(key, Math.max(...news));
      return news;
    } catch {
      return numbers; // no storage: better told twice than never
    }
  });
}

let known = 0;

async function tell() {
  const notices = [...document.querySelectorAll("#notices > li")].filter((notice) => Number(notice.dataset.number) > known);
  if (!notices.length) return;
  known = Math.max(...notices.map((notice) => Number(notice.dataset.number)));
  const mine = await firstToTell(notices.map((notice) => Number(notice.dataset.number)));
  const told = notices.filter((notice) => mine.includes(Number(notice.dataset.number)) && !isLookedAt(notice));
  if (told.some((notice) => notice.hasAttribute("data-rings"))) ring();
  for (const notice of told) {
    const { title, address, number } = notice.dataset;
    if (notice.hasAttribute("data-shows") && !document.hasFocus()) pop({ title, text: notice.textContent, address, number });
  }
}

// ── The tab ───────────────────────────────────────────────────────────────────────────────────────────

const mark = new Image();
let shownCount;

function badge() {
  const count = Number(document.getElementById("views")?.dataset.unread || 0);
  if (count === shownCount || !mark.naturalWidth) return;
  shownCount = count;
  if (!count) return void (icon.href = plainIcon);
  const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
  const draw = canvas.getContext("2d");
  draw.drawImage(mark, 0, 0, 64, 64);
  draw.fillStyle = "#d13a26";
  draw.beginPath();
  draw.arc(44, 44, 20, 0, 7);
  draw.fill();
  draw.fillStyle = "#fff";
  draw.font = `600 ${count > 9 ? 24 : 30}px system-ui, sans-serif`;
  draw.textAlign = "center";
  draw.textBaseline = "middle";
  draw.fillText(count > 99 ? "99" : count, 44, 46);
  icon.href = canvas.toDataURL("image/png");
}

if (page) {
  mark.addEventListener("load", badge);
  mark.src = plainIcon;
  document.addEventListener("reply48:merged", () => { badge(); tell(); });
  // A browser lets a page ring only after somebody has used it.
  addEventListener("pointerdown", () => { audio ||= new AudioContext(); }, { once: true });
}

// ── The page where one chooses ────────────────────────────────────────────────────────────────────────

const allow = document.getElementById("allow-notifications");
const test = document.getElementById("test-notifications");

function showPermission() {
  const state = "Notification" in window ? Notification.permission : "unsupported";
  for (const line of document.querySelectorAll("[data-permission]")) line.hidden = line.dataset.permission !== state;
  allow.hidden = state !== "default";
}

if (test) {
  test.hidden = false;
  showPermission();
  allow.addEventListener("click", async () => {
    await Notification.requestPermission();
    showPermission();
  });
  test.addEventListener("click", () => {
    ring();
    pop({ title: test.dataset.title, text: test.dataset.text, number: "test" });
  });
}
