// Draws a thread: each message is one element, kept as long as nothing about it changes.

const drawn = new Map();
let drawnThread = null;

export function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

export function clockTime(ms) {
  return new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

export function dayTime(ms) {
  return new Date(ms).toLocaleString([], { weekday: "short", hour: "2-digit", minute: "2-digit" });
}

const kindName = (message) => message.type.toLowerCase().replace("_", " ");
export const inWords = (message) => message.text || message.template?.title || `(${kindName(message)})`;

function picture(message, alt) {
  const image = element("img");
  image.src = message.picture_url;
  image.alt = alt;
  return image;
}

function content(message, actions) {
  const name = message.from === "business" ? "the business" : "the customer";
  if (message.type === "IMAGE") {
    const bubble = element("div", "bubble bare");
    bubble.append(picture(message, `Image from ${name}`));
    return bubble;
  }
  if (message.type === "STICKER" || message.type === "EMOJI") {
    const bubble = element("div", "bubble bare sticker");
    bubble.append(picture(message, `${message.type === "EMOJI" ? "Emoji" : "Sticker"} from ${name}`));
    return bubble;
  }
  if (message.type === "SHARE_POST") {
    const bubble = element("div", "bubble post");
    bubble.append(picture(message, "Cover of the post"), element("span", "", "Shared post"));
    return bubble;
  }
  if (message.type === "VIDEO") {
    const bubble = element("div", "bubble bare");
    bubble.append(element("div", "play", "▶ Video"));
    return bubble;
  }
  if (message.type === "TEMPLATE") return card(message, actions);
  return element("div", "bubble", message.type === "OTHER" ? "🎤 Voice message" : message.text);
}

function card(message, actions) {
  const bubble = element("div", "bubble", message.template.title);
  const buttons = element("div", "card-buttons");
  message.template.buttons.forEach((button, number) => {
    const made = element("button", "button", button.title);
    made.type = "button";
    made.addEventListener("click", () => actions.tap(message, number));
    buttons.append(made);
  });
  bubble.append(buttons);
  return bubble;
}

function tools(message, actions) {
  const group = element("div", "tools");
  const mine = message.reactions.find((reaction) => reaction.emoji === "👍");
  const react = element("button", "icon-button", "👍");
  react.setAttribute("aria-label", `${mine ? "Take back the reaction to" : "React to"}: ${inWords(message)}`);
  react.addEventListener("click", () => actions.react(message, Boolean(mine)));
  const quote = element("button", "icon-button", "↩");
  quote.setAttribute("aria-label", `Quote: ${inWords(message)}`);
  quote.addEventListener("click", () => actions.quote(message));
  react.type = quote.type = "button";
  group.append(react, quote);
  return group;
}

function notes(message, isLast) {
  const found = [];
  if (message.withheld) found.push("Withheld: the app was only told that somebody wrote");
  if (message.auto_message_type) found.push("Automatic");
  else if (message.from === "business") found.push({ API: "By the app", APP: "In TikTok", WEB: "On the web" }[message.source] || "");
  if (message.reply_source) found.push("Tapped");
  if (isLast && message.from === "customer" && message.seen) found.push("Seen");
  return [clockTime(message.timestamp_ms), ...found].filter(Boolean).join(" · ");
}

function draw(message, shape, actions) {
  const made = element("article", `message from-${message.from}${shape.first ? " first" : ""} new`);
  made.dataset.messageId = message.message_id;
  const bubble = content(message, actions);
  if (shape.quoted) bubble.prepend(element("span", "quote", inWords(shape.quoted)));
  made.append(bubble, tools(message, actions));
  if (message.reactions.length) {
    const reactions = element("div", "reactions");
    reactions.append(...message.reactions.map((reaction) => element("span", "", reaction.emoji)));
    made.append(reactions);
  }
  if (shape.last) made.append(element("p", "meta", notes(message, shape.last)));
  return made;
}

function shapeOf(messages, index) {
  const [before, message, after] = [messages[index - 1], messages[index], messages[index + 1]];
  const apart = (a, b) => !a || !b || a.from !== b.from || Math.abs(a.timestamp_ms - b.timestamp_ms) > 300000;
  const special = (m) => m && (m.withheld || m.auto_message_type || m.reply_source || m.source);
  return {
    first: apart(before, message),
    last: apart(message, after) || special(message) !== special(after),
    quoted: messages.find((other) => other.message_id === message.referenced_message_id),
  };
}

function referralLine(referral) {
  const how = referral.source === "ad" ? `the ad “${referral.ad_name}”` : `a message link${referral.ref ? ` (ref ${referral.ref})` : ""}`;
  return element("p", "event", `${clockTime(referral.timestamp_ms)} · Came from ${how}`);
}

function pieces(thread, actions) {
  const lines = thread.messages.map((message, index) => {
    const shape = shapeOf(thread.messages, index);
    return { key: message.message_id, at: message.timestamp_ms, state: JSON.stringify([message, shape]), make: () => draw(message, shape, actions) };
  });
  const arrivals = thread.referrals.map((referral, index) => ({
    key: `referral-${index}`, at: referral.timestamp_ms, state: "", make: () => referralLine(referral),
  }));
  return [...lines, ...arrivals].sort((a, b) => a.at - b.at);
}

function clear(log, thread) {
  drawn.clear();
  log.replaceChildren();
  drawnThread = thread?.conversation_id ?? null;
}

// Returns whether something was added at the end.
export function drawThread(log, thread, emptyText, actions) {
  if ((thread?.conversation_id ?? null) !== drawnThread) clear(log, thread);
  const wanted = thread ? pieces(thread, actions) : [];
  if (!wanted.length) {
    if (log.textContent !== emptyText) log.replaceChildren(element("p", "empty", emptyText));
    return false;
  }
  log.querySelector(".empty")?.remove();
  let grown = false;
  let place = log.firstElementChild;
  for (const piece of wanted) {
    const known = drawn.get(piece.key);
    if (known?.state === piece.state) {
      place = known.node.nextElementSibling;
      continue;
    }
    const node = piece.make();
    if (known) {
      node.classList.remove("new");
      known.node.replaceWith(node);
    } else {
      log.insertBefore(node, place);
      grown = true;
    }
    drawn.set(piece.key, { state: piece.state, node });
    place = node.nextElementSibling;
  }
  return grown;
}
