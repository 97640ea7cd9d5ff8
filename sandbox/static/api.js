// The control API of the sandbox, as the phone page uses it.

const base = "/sandbox/api/";

async function answerOf(response) {
  const answer = await response.json().catch(() => ({ error: `The sandbox answered ${response.status}.` }));
  if (!response.ok) throw new Error(answer.error || `The sandbox answered ${response.status}.`);
  return answer;
}

export async function see(path, query = {}) {
  return answerOf(await fetch(`${base}${path}?${new URLSearchParams(query)}`));
}

export async function act(path, body = {}) {
  const isForm = body instanceof FormData;
  const headers = isForm ? {} : { "Content-Type": "application/json" };
  return answerOf(await fetch(base + path, { method: "POST", headers, body: isForm ? body : JSON.stringify(body) }));
}

export async function drop(path) {
  return answerOf(await fetch(base + path, { method: "DELETE" }));
}

export const threadPath = (thread, rest) => `threads/${encodeURIComponent(thread.conversation_id)}/${rest}`;
