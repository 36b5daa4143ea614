// Calls the service. A required key is typed on the page, sent with every request, and kept only in this tab.

const KEY = "dealerproxy-key";
const LONGEST_MS = 20_000;

/** An answer that is not 2xx, or none at all (`status` 0). */
export class Failed extends Error {
  constructor(status, error, headers) {
    super(error.message);
    Object.assign(this, { status, code: error.code, details: error.details ?? {}, headers });
  }
}

export const keep = (key) => (key ? sessionStorage.setItem(KEY, key) : sessionStorage.removeItem(KEY));

/** The body, status, headers and time of an answer. Throws Failed. */
export async function ask(path, { method = "GET", headers = {} } = {}) {
  const told = new Headers(headers);
  const key = sessionStorage.getItem(KEY);
  if (key) told.set("x-api-key", key);
  const began = performance.now();
  let answer;
  let body;
  try {
    // The browser's cache revalidates with its ETag. Any other mode would send its own no-cache.
    answer = await fetch(path, { method, headers: told, signal: AbortSignal.timeout(LONGEST_MS) });
    body = await answer.json();
  } catch (error) {
    const message = answer ? `HTTP ${answer.status} without JSON.` : "The service does not answer.";
    throw new Failed(answer ? answer.status : 0, { code: error.name, message }, answer?.headers);
  }
  if (answer.status === 401) document.dispatchEvent(new CustomEvent("key-wanted", { detail: body.error.code }));
  if (!answer.ok) throw new Failed(answer.status, body.error, answer.headers);
  return { body, status: answer.status, headers: answer.headers, ms: performance.now() - began };
}
