// Lets the countdowns and the "5 min ago" advance with the clock, in steps of a minute.
// When a reply window's close passes it only says so (`reply48:due`): the server decides what is locked.

const words = document.getElementById("words").dataset;
const MINUTE = 60_000;
const WINDOW = 48 * 60 * MINUTE;

const fill = (text, n) => text.replace("{n}", n);

function left(milliseconds) {
  const minutes = Math.floor(milliseconds / MINUTE);
  const hours = Math.floor(minutes / 60);
  if (milliseconds <= 0) return ["closed", words.closed, words.closedSpoken];
  const stage = milliseconds <= 60 * MINUTE ? "urgent" : milliseconds <= Number(words.soonMinutes) * MINUTE ? "soon" : "calm";
  if (hours) return [stage, fill(words.hoursLeft, hours), hours === 1 ? words.oneHourLeftSpoken : fill(words.hoursLeftSpoken, hours)];
  if (minutes) return [stage, fill(words.minutesLeft, minutes), minutes === 1 ? words.oneMinuteLeftSpoken : fill(words.minutesLeftSpoken, minutes)];
  return [stage, words.noMinuteLeft, words.noMinuteLeftSpoken];
}

function say(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

function stepWindow(element, now) {
  const remaining = Date.parse(element.dataset.closesAt) - now;
  const [stage, short, spoken] = left(remaining);
  const wasClosed = element.classList.contains("window-closed");
  if (!element.classList.contains(`window-${stage}`)) {
    element.classList.remove("window-calm", "window-soon", "window-urgent", "window-closed");
    element.classList.add(`window-${stage}`);
  }
  say(element.querySelector(".window-words"), short);
  const percent = Math.max(4, Math.min(100, Math.round((100 * remaining) / WINDOW)));
  element.querySelector(".ring-left")?.setAttribute("stroke-dasharray", `${percent} 100`);
  const row = element.closest("a[data-name]");
  if (row) row.setAttribute("aria-label", row.dataset.name.replace("{left}", spoken) + (row.dataset.presence || ""));
  return stage === "closed" && !wasClosed;
}

function stepAgo(element, now) {
  const minutes = Math.floor((now - Date.parse(element.dateTime)) / MINUTE);
  if (minutes < 1) say(element, words.now);
  else if (minutes < 60) say(element, fill(words.minutesAgo, minutes));
  else if (minutes < 24 * 60) say(element, fill(words.hoursAgo, Math.floor(minutes / 60)));
}

let timer;

function step() {
  clearTimeout(timer);
  const now = Date.now();
  let due = false;
  let next = MINUTE;
  for (const element of document.querySelectorAll("[data-closes-at]")) {
    due = stepWindow(element, now) || due;
    const remaining = Date.parse(element.dataset.closesAt) - now;
    if (remaining > 0) next = Math.min(next, (remaining % MINUTE) + 50);
  }
  for (const element of document.querySelectorAll("time[data-ago]")) stepAgo(element, now);
  if (due) document.dispatchEvent(new CustomEvent("reply48:due"));
  timer = setTimeout(step, Math.max(1000, Math.min(next, 15_000)));
}

document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && step());
document.addEventListener("reply48:merged", step);
step();
