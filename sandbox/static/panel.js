// The panel beside the phone: faults, webhook trouble, clock, traffic.

import { act, drop } from "./api.js";
import { element } from "./thread.js";

const byId = (id) => document.getElementById(id);
const valuesOf = (form) => Object.fromEntries(new FormData(form));
const numeric = ["code", "http_status", "seconds", "count"];

export function confirmed(title, text, verb) {
  const dialog = byId("confirm");
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  byId("confirm-yes").textContent = verb;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

function faultForm(form) {
  const fault = valuesOf(form);
  for (const name of numeric) fault[name] = Number(fault[name]);
  return fault;
}

function showFaultFields() {
  const kind = byId("fault-kind").value;
  for (const label of document.querySelectorAll("[data-for]")) label.hidden = !label.dataset.for.split(" ").includes(kind);
}

function knobValue(input) {
  return input.type === "checkbox" ? input.checked : Number(input.value || 0);
}

export function wirePanel(attempt) {
  byId("fault-kind").addEventListener("change", showFaultFields);
  showFaultFields();
  const forms = {
    fault: (form) => act("faults", faultForm(form)),
    callback: (form) => act("webhooks", valuesOf(form)),
  };
  for (const [name, run] of Object.entries(forms)) {
    document.querySelector(`[data-form="${name}"]`).addEventListener("submit", (event) => {
      event.preventDefault();
      attempt(() => run(event.target));
    });
  }
  byId("knobs").addEventListener("change", (event) => {
    attempt(() => act("webhooks", { [event.target.name]: knobValue(event.target) }));
  });
  byId("mode").addEventListener("change", (event) => attempt(() => act("settings", { mode: event.target.value })));
  byId("qps").addEventListener("change", (event) => attempt(() => act("settings", { qps: Number(event.target.value) })));
  for (const button of document.querySelectorAll("[data-advance]")) {
    button.addEventListener("click", () => attempt(() => act("clock", { advance_seconds: Number(button.dataset.advance) })));
  }
  wireActs(attempt);
}

function wireActs(attempt) {
  const on = (name, run) => document.querySelector(`[data-act="${name}"]`).addEventListener("click", () => attempt(run));
  on("real-time", () => act("clock", { offset_seconds: 0 }));
  on("reset", async () => {
    const sure = await confirmed(
      "Clear all conversations?",
      "Customers, messages, faults and the clock go back to the start. Accounts stay connected.",
      "Clear",
    );
    if (sure) await act("reset", { keep_connections: true });
  });
}

// A field that somebody is in keeps what they have typed.
function fill(input, value) {
  if (input === document.activeElement) return;
  if (input.type === "checkbox") input.checked = value;
  else if (input.value !== String(value ?? "")) input.value = value ?? "";
}

function faultLine(fault, attempt) {
  const what = fault.kind === "code" ? `code ${fault.code}` : fault.kind.replaceAll("_", " ");
  const line = element("li", "", `${fault.path}: ${what}, ${fault.remaining}×`);
  const button = element("button", "icon-button", "×");
  button.type = "button";
  button.setAttribute("aria-label", `Withdraw the fault ${what} of ${fault.path}`);
  button.addEventListener("click", () => attempt(() => drop(`faults/${fault.id}`)));
  line.append(button);
  return line;
}

function trafficLine(name, outcome, good) {
  const line = element("li", "", name);
  line.append(element("span", good === undefined ? "" : good ? "good" : "bad", outcome));
  return line;
}

function callLine(call) {
  const outcome = call.fault ? `fault: ${call.fault.replaceAll("_", " ")}` : String(call.code ?? call.http_status ?? "…");
  return trafficLine(call.path.replace("business/", "").replace(/\/$/, ""), outcome, !call.fault && call.code === 0);
}

function deliveryLine(delivery) {
  const waiting = delivery.outcome === "waiting";
  const tried = delivery.attempts ? `${delivery.last_status || "unreachable"}, retry` : delivery.held ? "held back" : "waiting";
  return trafficLine(delivery.event, waiting ? tried : delivery.outcome, waiting ? undefined : delivery.outcome === "delivered");
}

const shown = {};

function redraw(list, items, make) {
  const state = JSON.stringify(items);
  if (shown[list.id] === state) return;
  shown[list.id] = state;
  list.replaceChildren(...items.map(make));
}

export function drawPanel(state, attempt) {
  redraw(byId("faults"), state.faults, (fault) => faultLine(fault, attempt));
  redraw(byId("calls"), state.calls, callLine);
  redraw(byId("deliveries"), state.deliveries, deliveryLine);
  byId("fault-count").textContent = state.faults.length || "";
  const { knobs } = state.webhooks;
  const troubles = Object.values(knobs).filter(Boolean).length;
  byId("trouble-count").textContent = troubles || "";
  for (const [name, value] of Object.entries(knobs)) fill(document.querySelector(`#knobs [name="${name}"]`), value);
  fill(document.querySelector('[name="callback_url"]'), state.webhooks.callback_url);
  fill(byId("mode"), state.settings.mode);
  fill(byId("qps"), state.settings.qps);
  const offset = state.clock.offset_seconds;
  byId("clock").textContent = offset ? `The sandbox is ${Math.round(offset / 360) / 10} h ahead.` : "The sandbox keeps real time.";
}
