// Keeps the page true: asks the server what changed after the cursor, and merges the pieces of the answer.
// It asks every second while someone works on the page, more rarely otherwise, and heals by itself.

const words = document.getElementById("words").dataset;
const page = document.getElementById("inbox");
const connection = document.getElementById("connection");
const announcer = document.getElementById("announcer");

const WORKING = 1_000;
const IDLE = 5_000;
const HIDDEN = 30_000;
const IDLE_AFTER = 60_000;
const PATIENCE = 15_000;

let cursor = Number(page.dataset.cursor);
let timer;
let asking = false;
let askAgain = false;
let failures = 0;
let stopped = false;
let lastActive = Date.now();

const openConversation = () => document.getElementById("conversation")?.dataset.conversation || "";
const pageState = () => ({ after: cursor, conversation: openConversation(), view: page.dataset.view, sort: page.dataset.sort, q: page.dataset.q });

// ── Where this person is: told with every question ────────────────────────────────────────────────────

const TYPING_FOR = 5_000;
let lastTyped = 0;
let lookedAt = "";

function signs() {
  const { version } = document.getElementById("presence").dataset;
  const told = { presence: version };
  lookedAt = document.visibilityState === "visible" ? openConversation() : "";
  if (lookedAt) told.looking = 1;
  if (lookedAt && Date.now() - lastTyped < TYPING_FOR) told.typing = 1;
  return told;
}

function leave() {
  if (!lookedAt) return;
  const headers = { "X-CSRFToken": page.dataset.csrf, "HX-Request": "true" };
  fetch(page.dataset.leave.replace("/0/", `/${lookedAt}/`), { method: "POST", headers, keepalive: true }).catch(() => {}); // it fades by itself
  lookedAt = "";
}

document.addEventListener("input", (event) => {
  if (event.target.id !== "composer-text" || !event.target.value.trim()) return;
  const begins = Date.now() - lastTyped > TYPING_FOR;
  lastTyped = Date.now();
  if (begins) ask();
});
document.addEventListener("reply48:replied", () => { lastTyped = 0; });
document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") leave(); });
addEventListener("pagehide", leave);

// ── Merging pieces ────────────────────────────────────────────────────────────────────────────────────

function morph(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType === Node.ELEMENT_NODE && old.matches("details.menu[open]")) return; // somebody is choosing from it
  if (old.nodeType !== Node.ELEMENT_NODE || old.nodeName !== fresh.nodeName || old.childNodes.length !== fresh.childNodes.length) {
    old.replaceWith(document.importNode(fresh, true));
    return;
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const children = [...fresh.childNodes];
  [...old.childNodes].forEach((child, index) => morph(child, children[index]));
}

function placeFor(list, order, itself) {
  return [...list.children].find((other) => other !== itself && other.dataset.order !== undefined && other.dataset.order > order) || null;
}

// Whether an item lies in a part of its list that isn't loaded yet.
function liesBeyond(list, order) {
  const ordered = [...list.children].filter((item) => item.dataset.order);
  if (!ordered.length) return false;
  if (list.id === "conversations") return !!document.getElementById("more-rows") && order > ordered.at(-1).dataset.order;
  return !!document.getElementById("earlier") && order < ordered[0].dataset.order;
}

function put(list, fresh, onlyKnown) {
  const old = document.getElementById(fresh.id);
  if (fresh.hasAttribute("data-gone")) {
    old?.remove();
    return false;
  }
  if (!old && (onlyKnown || liesBeyond(list, fresh.dataset.order))) return false;
  const moves = !old || old.dataset.order !== fresh.dataset.order;
  const focused = old?.contains(document.activeElement) ? document.activeElement : null;
  if (old) morph(old, fresh);
  const item = document.getElementById(fresh.id) || document.importNode(fresh, true);
  if (moves) list.insertBefore(item, placeFor(list, item.dataset.order, item) || (list.id === "conversations" ? document.getElementById("more-rows") : null));
  if (focused?.isConnected) focused.focus({ preventScroll: true });
  htmx.process(item);
  if (moves && list.id === "conversations") arrived.push(item);
  return !old;
}

function tellStates(fresh) {
  const old = document.getElementById(fresh.id);
  const state = fresh.dataset.state;
  if (!old || old.dataset.state === state) return;
  if (state === "sent") announcer.textContent = words.sent;
  if (state === "failed" || state === "unconfirmed") announcer.textContent = fresh.querySelector(".message-state span")?.textContent.trim() || "";
}

// Rows that came in or moved with the answer that is being merged.
let arrived = [];

function mergeDocument(fresh) {
  arrived = [];
  document.dispatchEvent(new CustomEvent("reply48:merging"));
  let added = 0;
  for (const group of fresh.querySelectorAll("[data-into]")) {
    const list = document.getElementById(group.dataset.into);
    if (!list || list.hasAttribute("data-older")) continue;
    for (const item of [...group.children]) {
      if (group.dataset.into === "messages") tellStates(item);
      const isNew = put(list, item, group.hasAttribute("data-only-known"));
      if (isNew && item.classList.contains("is-inbound")) added += 1;
    }
  }
  for (const piece of fresh.querySelectorAll("body > [id]")) mergePiece(piece);
  const unread = document.getElementById("views").dataset.unread;
  document.title = document.title.replace(/^\(\d+\) /, "").replace(/^/, unread > 0 ? `(${unread}) ` : "");
  document.dispatchEvent(new CustomEvent("reply48:merged", { detail: { added, arrived } }));
}

function mergePiece(piece) {
  const old = document.getElementById(piece.id);
  if (!old) return;
  const unlocks = piece.id === "composer-lock" && old.dataset.locked === "yes" && piece.dataset.locked === "no";
  const hadFocus = old.contains(document.activeElement) && document.activeElement !== document.body;
  morph(old, piece);
  const now = document.getElementById(piece.id);
  htmx.process(now);
  if (hadFocus && !now.contains(document.activeElement) && !document.querySelector("dialog[open]")) document.getElementById("thread-name")?.focus();
  if (unlocks) announcer.textContent = words.opened;
}

const parsed = (html) => new DOMParser().parseFromString(html, "text/html");

function merge(html) {
  const fresh = parsed(html);
  if (fresh.querySelector("[data-reload]")) resync();
  else mergeDocument(fresh);
}

// ── Asking ────────────────────────────────────────────────────────────────────────────────────────────

function pause() {
  if (failures) return Math.min(1_000 * 2 ** failures, 30_000);
  if (document.visibilityState !== "visible") return HIDDEN;
  return document.hasFocus() && Date.now() - lastActive < IDLE_AFTER ? WORKING : IDLE;
}

function askLater(after = pause()) {
  clearTimeout(timer);
  if (!stopped) timer = setTimeout(ask, after);
}

async function request(address) {
  const answer = await fetch(address, { headers: { "HX-Request": "true" }, cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
  if (answer.status === 401 || answer.status === 403) shutOut(answer.status);
  else if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  return answer;
}

async function ask() {
  clearTimeout(timer);
  if (stopped) return;
  if (asking) {
    askAgain = true;
    return;
  }
  asking = true;
  askAgain = false;
  const state = pageState();
  try {
    const answer = await request(`${page.dataset.live}?${new URLSearchParams({ ...state, ...signs() })}`);
    if (answer.status === 204 && state.after === cursor) cursor = Number(answer.headers.get("X-Timeline-Cursor") || cursor);
    if (answer.status === 200) take(answer.headers.get("X-Timeline-Cursor"), await answer.text(), state);
    connected();
  } catch {
    disconnected();
  } finally {
    asking = false;
    askLater(askAgain ? 0 : undefined);
  }
}

// An answer to a question that is no longer the page's (another conversation, another cursor) is left unused.
function take(newCursor, html, state) {
  if (state.conversation !== openConversation() || state.after !== cursor) return;
  const fresh = parsed(html);
  // The page that is fetched anew brings its own cursor; if it doesn't come, this one asks again.
  if (fresh.querySelector("[data-reload]")) return void resync();
  mergeDocument(fresh);
  cursor = Number(newCursor);
}

// The whole page anew, into the page as it is: after too many changes, and when the clock alone changed it.
async function resync() {
  const conversation = openConversation();
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    if (answer.redirected || !answer.ok) return void ask();
    const fresh = parsed(await answer.text());
    if (conversation !== openConversation()) return;
    const newest = Number(fresh.getElementById("inbox").dataset.cursor);
    mergeDocument(piecesOf(fresh));
    cursor = newest;
  } catch {
    disconnected();
  }
}

function piecesOf(fresh) {
  const pieces = document.implementation.createHTMLDocument();
  const rows = fresh.getElementById("conversations");
  forgetRowsMissingIn(rows);
  rows.querySelector("#more-rows")?.remove();
  rows.dataset.into = "conversations";
  rows.removeAttribute("id");
  pieces.body.append(rows);
  const messages = fresh.getElementById("messages");
  if (messages) {
    messages.querySelector("#earlier")?.remove();
    messages.dataset.into = "messages";
    messages.removeAttribute("id");
    pieces.body.append(messages);
  }
  for (const id of ["views", "done", "rail-troubled", "thread-header", "composer-lock", "composer-window", "composer-images", "composer-latest", "details-body"]) {
    const piece = fresh.getElementById(id);
    if (piece) pieces.body.append(piece);
  }
  return pieces;
}

function forgetRowsMissingIn(rows) {
  const goesOn = rows.querySelector("#more-rows");
  const last = [...rows.querySelectorAll(".row")].at(-1)?.dataset.order || "";
  for (const row of document.querySelectorAll("#conversations > .row"))
    if (!rows.querySelector(`#${row.id}`) && !(goesOn && row.dataset.order > last)) row.remove();
}

// ── The connection, in words ──────────────────────────────────────────────────────────────────────────

function connected() {
  if (failures > 1) announcer.textContent = words.back;
  failures = 0;
  if (!stopped) connection.replaceChildren();
}

function disconnected() {
  failures += 1;
  if (failures > 1) connection.textContent = words.lost; // one lost answer is no news
}

function shutOut(status) {
  stopped = true;
  clearTimeout(timer);
  connection.textContent = status === 401 ? words.loggedOut : words.forbidden;
  if (status !== 401) return;
  const next = encodeURIComponent(location.pathname + location.search);
  connection.append(" ", Object.assign(document.createElement("a"), { href: `/login/?next=${next}`, textContent: words.logIn }));
}

// ── What happens on the page ──────────────────────────────────────────────────────────────────────────

for (const kind of ["pointerdown", "keydown", "pointermove", "wheel"])
  document.addEventListener(kind, () => {
    const wasIdle = Date.now() - lastActive > IDLE_AFTER;
    lastActive = Date.now();
    if (wasIdle) ask();
  }, { passive: true });
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && ask());
addEventListener("focus", () => { lastActive = Date.now(); ask(); });
addEventListener("online", ask);
// Pieces may be older than what a poll has brought meanwhile. The cursor goes back to their time, so that the
// next answer tells again what happened since: nothing stale stays.
document.addEventListener("reply48:merge", (event) => {
  merge(event.detail.html);
  cursor = Math.min(cursor, event.detail.cursor);
});
document.addEventListener("reply48:due", resync);

document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.verb !== "post") return;
  for (const [name, value] of Object.entries(pageState())) event.detail.parameters[name] = value;
});
document.addEventListener("htmx:afterRequest", (event) => {
  const { xhr, requestConfig } = event.detail;
  if (xhr.status === 401) shutOut(401);
  const newCursor = xhr.getResponseHeader("X-Timeline-Cursor");
  if (!newCursor) return;
  const asked = Object.fromEntries(["after", "conversation"].map((name) => [name, requestConfig.parameters[name]]));
  if (asked.conversation !== openConversation()) return void ask();
  merge(xhr.responseText);
  cursor = Number(newCursor);
});
document.addEventListener("htmx:sendError", () => { disconnected(); });

// A conversation opened without a new page: its own cursor may be older than ours, never the other way round.
document.addEventListener("htmx:afterSettle", () => {
  const opened = document.getElementById("conversation");
  if (opened.dataset.taken || !opened.dataset.conversation) return;
  opened.dataset.taken = "yes";
  if (lookedAt !== opened.dataset.conversation) leave();
  lastTyped = 0;
  cursor = Math.min(cursor, Number(opened.dataset.cursor));
  for (const link of document.querySelectorAll('#conversations a[aria-current="true"]')) link.removeAttribute("aria-current");
  document.querySelector(`#conversation-${opened.dataset.conversation} > a`)?.setAttribute("aria-current", "true");
  ask();
});
// Rows of the next page that a live change had brought already stand there once.
document.addEventListener("htmx:afterSwap", () => {
  const known = new Set();
  for (const row of document.querySelectorAll("#conversations > .row")) known.has(row.id) ? row.remove() : known.add(row.id);
});

document.querySelector('#conversations a[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
ask();
