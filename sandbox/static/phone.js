// The page: whose phone it is, what is on it, and a look at the sandbox every second.

import { act, see, threadPath } from "./api.js";
import { confirmed, drawPanel, wirePanel } from "./panel.js";
import { clockTime, dayTime, drawThread, element, inWords } from "./thread.js";

const byId = (id) => document.getElementById(id);
const at = { account: "", customer: 0, quoted: null, state: null, looking: false };

function toast(text) {
  const box = byId("toast");
  box.textContent = text;
  box.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { box.hidden = true; }, 5000);
}

async function attempt(run) {
  try {
    await run();
  } catch (error) {
    toast(error.message);
  }
  await look();
}

function remember() {
  const query = new URLSearchParams({ account: at.account, customer: at.customer });
  history.replaceState(null, "", `?${query}`);
}

function chooseCustomer(id) {
  at.customer = id;
  dropQuote();
  remember();
  showPane("phone");
  look();
}

function showPane(name) {
  document.body.dataset.pane = name;
  for (const button of document.querySelectorAll("[data-pane-button]")) {
    button.toggleAttribute("aria-current", button.dataset.paneButton === name);
    if (button.dataset.paneButton === name) button.setAttribute("aria-current", "true");
  }
}

function drawAccounts(state) {
  const select = byId("account");
  const key = state.accounts.map((account) => account.business_id).join();
  if (select.dataset.key !== key) {
    select.dataset.key = key;
    select.replaceChildren(...state.accounts.map((account) => {
      const option = element("option", "", `${account.display_name} (@${account.username})`);
      option.value = account.business_id;
      return option;
    }));
  }
  if (select !== document.activeElement) select.value = state.account;
}

function customerLine(customer) {
  const button = element("button");
  button.type = "button";
  button.dataset.customer = customer.id;
  const avatar = element("img");
  Object.assign(avatar, { src: customer.avatar_url, alt: "", width: 40, height: 40 });
  const last = element("small", "", customer.last || `@${customer.username} · ${customer.country}`);
  const time = element("time", "", customer.last_ms ? clockTime(customer.last_ms) : "");
  button.append(avatar, element("strong", "", customer.display_name), time, last);
  if (customer.id === at.customer) button.setAttribute("aria-current", "true");
  button.addEventListener("click", () => chooseCustomer(customer.id));
  const line = element("li");
  line.append(button);
  return line;
}

function drawCustomers(state) {
  const list = byId("customers");
  // Avatar addresses change with the clock; they are no reason to draw the list anew.
  const key = JSON.stringify([state.customers.map((customer) => ({ ...customer, avatar_url: "" })), at.customer]);
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  const focused = document.activeElement?.dataset?.customer;
  list.replaceChildren(...state.customers.map(customerLine));
  if (focused) list.querySelector(`[data-customer="${focused}"]`)?.focus();
}

function windowLine(thread, now) {
  if (!thread || thread.window.opened_ms === null) return ["none", "48 h window: opens when the customer writes"];
  const { window } = thread;
  const used = window.limit === null ? `${window.used} used, no limit` : `${window.used} of ${window.limit} used`;
  if (now * 1000 >= window.closes_ms && !window.open) return ["closed", `48 h window: closed ${dayTime(window.closes_ms)}, ${used}`];
  const soon = !window.open || window.closes_ms - now * 1000 < 6 * 3600000;
  return [window.open ? (soon ? "soon" : "open") : "closed", `48 h window: closes ${dayTime(window.closes_ms)}, ${used}`];
}

function drawHead(state, customer, account) {
  const avatar = byId("chat-avatar");
  avatar.hidden = !customer;
  if (customer && avatar.dataset.customer !== String(customer.id)) {
    avatar.dataset.customer = customer.id;
    avatar.src = customer.avatar_url;
  }
  byId("chat-name").textContent = customer ? customer.display_name : "Choose a customer";
  byId("chat-with").textContent = customer ? `@${customer.username} · ${customer.country} · writes to ${account.display_name}` : "";
  const [kind, text] = windowLine(state.thread, state.clock.now);
  byId("window").dataset.state = kind;
  byId("window").textContent = text;
}

function drawConnection(state, account) {
  const line = byId("connection");
  const waiting = state.webhooks.waiting ? `, ${state.webhooks.waiting} webhooks waiting` : "";
  const where = state.webhooks.callback_url ? `webhooks to ${state.webhooks.callback_url}` : "no webhook address";
  const text = account.connected ? `Connected to the app, ${where}${waiting}` : "Not connected to the app";
  line.dataset.state = account.connected ? "on" : "off";
  if (line.textContent !== text) line.textContent = text;
  byId("time").textContent = new Date(state.clock.now * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

function draw(state) {
  at.state = state;
  at.account = state.account;
  const customer = state.customers.find((one) => one.id === at.customer);
  const account = state.accounts.find((one) => one.business_id === state.account);
  drawAccounts(state);
  drawCustomers(state);
  drawHead(state, customer, account);
  drawConnection(state, account);
  const log = byId("log");
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  const hello = customer ? `Write the first message to ${account.display_name}.` : "Pick a customer on the left, or create one.";
  const grown = drawThread(log, state.thread, hello, actions);
  if (grown && atEnd) log.scrollTop = log.scrollHeight;
  byId("typing").textContent = state.thread?.typing ? `${account.display_name} is typing…` : "";
  for (const control of byId("composer").elements) control.disabled = !customer;
  const images = byId("images");
  images.disabled = !state.thread;
  if (images !== document.activeElement) images.value = String(state.thread?.images_by_hand ?? null);
  drawPanel(state, attempt);
}

async function look() {
  if (at.looking) return;
  at.looking = true;
  const asked = [at.account, at.customer];
  const state = await see("phone", { account: at.account, customer: at.customer }).catch(() => null);
  at.looking = false;
  if (!state) {
    byId("connection").dataset.state = "off";
    byId("connection").textContent = "The sandbox does not answer. Trying again…";
    return;
  }
  // Somebody may have turned to another thread while the answer was under way.
  if (asked[1] === at.customer && (!asked[0] || asked[0] === at.account)) draw(state);
}

const asCustomer = (verb, body = {}) => act(`customers/${at.customer}/${verb}`, { account: at.account, ...body });

const actions = {
  tap: (message, button) => attempt(() => asCustomer("taps", { message_id: message.message_id, button })),
  react: (message, remove) => attempt(() => asCustomer("messages", {
    kind: remove ? "reaction_remove" : "reaction", referenced_message_id: message.message_id, emoji: "👍",
  })),
  quote: (message) => {
    at.quoted = message.message_id;
    byId("quoting").hidden = false;
    byId("quoting-text").textContent = inWords(message);
    byId("message").focus();
  },
};

function dropQuote() {
  at.quoted = null;
  byId("quoting").hidden = true;
}

async function sendText() {
  const field = byId("message");
  const text = field.value;
  if (!text.trim()) return;
  field.value = "";
  const body = at.quoted ? { text, referenced_message_id: at.quoted } : { text };
  dropQuote();
  try {
    await asCustomer("messages", body);
  } catch (error) {
    field.value = text;
    throw error;
  }
  byId("log").scrollTop = byId("log").scrollHeight;
}

async function sendPicture() {
  const [file] = byId("picture").files;
  if (!file) return;
  const body = new FormData();
  body.append("account", at.account);
  body.append("kind", "image");
  body.append("image", file);
  byId("picture").value = "";
  await act(`customers/${at.customer}/messages`, body);
}

function needThread() {
  if (!at.state?.thread) throw new Error("The customer has not written yet.");
  return at.state.thread;
}

function needCustomer() {
  if (!at.customer) throw new Error("Choose a customer first.");
}

async function openFrom(body) {
  needCustomer();
  const arrived = await asCustomer("referrals", body);
  if (arrived.prefilled) byId("message").value = arrived.prefilled;
  showPane("phone");
  byId("message").focus();
}

async function createCustomer(form) {
  const made = await act("customers", Object.fromEntries(new FormData(form)));
  form.reset();
  byId("new-customer").open = false;
  chooseCustomer(made.id);
}

function wireComposer() {
  byId("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(sendText);
  });
  byId("message").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    attempt(sendText);
  });
  for (const button of document.querySelectorAll("[data-kind]")) {
    button.addEventListener("click", () => attempt(() => asCustomer("messages", { kind: button.dataset.kind })));
  }
  document.querySelector("[data-pick]").addEventListener("click", () => byId("picture").click());
  byId("picture").addEventListener("change", () => attempt(sendPicture));
  byId("quote-drop").addEventListener("click", dropQuote);
}

function wireScenario() {
  const forms = {
    customer: createCustomer,
    ad: (form) => openFrom({ source: "ad", ad_name: form.elements.ad_name.value }),
    link: (form) => openFrom({ url: form.elements.url.value }),
    owner: async (form) => {
      await act(threadPath(needThread(), "owner-messages"), { text: form.elements.text.value });
      form.reset();
    },
  };
  for (const [name, run] of Object.entries(forms)) {
    document.querySelector(`[data-form="${name}"]`).addEventListener("submit", (event) => {
      event.preventDefault();
      attempt(() => run(event.target));
    });
  }
  const acts = {
    read: () => { needCustomer(); return asCustomer("read"); },
    eu: () => { needCustomer(); return asCustomer("eu-messages", { text: byId("message").value || "Hello from Europe" }); },
    welcome: () => act(threadPath(needThread(), "automatic-messages")),
    revoke: revokeAccess,
  };
  for (const [name, run] of Object.entries(acts)) {
    document.querySelector(`[data-act="${name}"]`).addEventListener("click", () => attempt(run));
  }
  byId("images").addEventListener("change", (event) => {
    attempt(() => act(threadPath(needThread(), "images"), { allowed: JSON.parse(event.target.value) }));
  });
}

async function revokeAccess() {
  const sure = await confirmed(
    "Revoke the app's access?",
    "As if the owner had disconnected the app in TikTok: its tokens stop working at once.",
    "Revoke",
  );
  if (sure) await act(`accounts/${encodeURIComponent(at.account)}/revoke`);
}

function start() {
  const query = new URLSearchParams(location.search);
  at.account = query.get("account") || "";
  at.customer = Number(query.get("customer")) || 0;
  byId("account").addEventListener("change", (event) => {
    at.account = event.target.value;
    event.target.blur();
    remember();
    look();
  });
  for (const button of document.querySelectorAll("[data-pane-button]")) {
    button.addEventListener("click", () => showPane(button.dataset.paneButton));
  }
  if (!at.customer) showPane("people");
  wireComposer();
  wireScenario();
  wirePanel(attempt);
  look();
  setInterval(() => { if (!document.hidden) look(); }, 1000);
}

start();
