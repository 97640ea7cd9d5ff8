// The open thread: where it is scrolled to, what came in below, and that this agent has seen it.

const words = document.getElementById("words").dataset;
const page = document.getElementById("inbox");
const log = () => document.getElementById("log");
const pill = () => document.getElementById("new-below");
const header = () => document.getElementById("thread-header");
const NEAR = 80;
const A_MOMENT = 800;

let wasAtBottom = true;
let newBelow = 0;

// When the composer grows, the newest message stays in sight.
const keepNewest = new ResizeObserver(() => { if (stays) showNewest(); });
let stays = true;
let lastTop = 0;

const atBottom = () => !log() || log().scrollHeight - log().scrollTop - log().clientHeight < NEAR;

function showNewest() {
  const place = log();
  if (place) place.scrollTop = place.scrollHeight;
  showPill(0);
}

// The way down: there whenever the newest message is out of sight, with what came in meanwhile.
function showPill(count) {
  newBelow = count;
  if (!pill()) return;
  pill().hidden = !count && (stays || atBottom());
  const said = count > 1 ? words.newBelow.replace("{n}", count) : count ? words.oneNewBelow : words.newest;
  pill().querySelector("span").textContent = said;
  const composer = document.getElementById("composer-area");
  // Not on an element that htmx replaces: it would copy the style as an attribute, which the policy refuses.
  document.documentElement.style.setProperty("--composer-height", `${composer.offsetHeight}px`);
}

// ── Seen ──────────────────────────────────────────────────────────────────────────────────────────────
let seenTimer;
let seen = "";

function soonSeen() {
  clearTimeout(seenTimer);
  seenTimer = setTimeout(markSeen, A_MOMENT);
}

async function markSeen() {
  const conversation = document.getElementById("conversation");
  const top = header();
  if (!top || document.visibilityState !== "visible" || !document.hasFocus()) return;
  const mark = `${conversation.dataset.conversation}:${top.dataset.inbound}`;
  if (top.dataset.unread === "0" || seen === mark) return;
  seen = mark;
  const body = new URLSearchParams({ inbound: top.dataset.inbound, view: page.dataset.view, sort: page.dataset.sort, q: page.dataset.q });
  const headers = { "X-CSRFToken": page.dataset.csrf, "HX-Request": "true" };
  try {
    const answer = await fetch(conversation.dataset.seen, { method: "POST", body, headers });
    if (!answer.ok) throw new Error(answer.status);
    top.dataset.unread = "0";
    document.dispatchEvent(new CustomEvent("reply48:merge", { detail: { html: await answer.text(), cursor: Number(answer.headers.get("X-Timeline-Cursor")) } }));
  } catch {
    seen = ""; // the next look at the page tries again
  }
}

// ── What happens on the page ──────────────────────────────────────────────────────────────────────────
let shown = document.getElementById("conversation");

// The message that was searched for, if the conversation was opened at it.
function foundMessage() {
  const number = document.getElementById("messages")?.dataset.found;
  const message = number && document.getElementById(`message-${number}`);
  message?.classList.add("is-found");
  return message;
}

function watch() {
  keepNewest.disconnect();
  const found = foundMessage();
  stays = !found;
  if (found) found.scrollIntoView({ block: "center" });
  else showNewest();
  if (log()) keepNewest.observe(log());
}

function opened() {
  const conversation = document.getElementById("conversation");
  if (conversation === shown) return;
  shown = conversation;
  seen = "";
  watch();
  soonSeen();
  const list = document.getElementById("list");
  if (getComputedStyle(list).display === "none") document.getElementById("thread-name")?.focus();
}

// Marked unread on purpose: it stays so until it is opened anew.
document.addEventListener("htmx:afterRequest", (event) => {
  if (!event.detail.elt.matches?.("[data-marks-unread]") || !event.detail.successful) return;
  clearTimeout(seenTimer);
  seen = `${document.getElementById("conversation").dataset.conversation}:${header().dataset.inbound}`;
});
document.addEventListener("reply48:merging", () => { wasAtBottom = atBottom(); });
document.addEventListener("reply48:merged", (event) => {
  const added = event.detail?.added || 0;
  if (wasAtBottom) showNewest();
  else if (added) showPill(newBelow + added);
  soonSeen();
});
for (const kind of ["reply48:replied", "reply48:noted"])
  document.addEventListener(kind, () => { wasAtBottom = true; showNewest(); });
document.addEventListener("htmx:afterSettle", opened);
document.addEventListener("click", (event) => { if (event.target.closest("#new-below")) showNewest(); });
document.addEventListener("scroll", (event) => {
  if (event.target !== log()) return;
  // Only somebody who scrolls up leaves the newest message: a composer that grows doesn't.
  stays = atBottom() || (stays && log().scrollTop >= lastTop);
  lastTop = log().scrollTop;
  showPill(stays ? 0 : newBelow);
}, true);
document.addEventListener("visibilitychange", soonSeen);
addEventListener("focus", soonSeen);

// Earlier messages come in above: what is being read stays where it is.
let heightBefore = 0;
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target.id !== "earlier") return;
  heightBefore = log().scrollHeight - log().scrollTop;
  if (event.detail.target.contains(document.activeElement)) log().focus({ preventScroll: true });
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (!heightBefore || !log()) return;
  log().scrollTop = log().scrollHeight - heightBefore;
  heightBefore = 0;
  // The day that both parts begin or end with is named once.
  const days = new Set();
  for (const day of document.querySelectorAll("#messages > .day")) days.has(day.id) ? day.remove() : days.add(day.id);
});

watch();
soonSeen();
