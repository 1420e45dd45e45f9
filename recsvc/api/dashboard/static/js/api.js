// The public API: JSON in, JSON out; an error carries what the service said in its own words.

/** An answer that is no success, as application/problem+json tells it. */
export class Problem extends Error {
  constructor(status, said) {
    super(said.detail || said.title || `The service answered with status ${status}.`);
    this.status = status;
    this.title = said.title || "The service refused";
    this.fields = said.errors || [];
    this.requestId = said.request_id || "";
  }
}

/** The address of a path of the service, whatever prefix a proxy has put before it. */
export function address(path) {
  return new URL(path, document.baseURI.split("#")[0]).href;
}

/** Read. `signal` gives up on an answer that nobody waits for any more. */
export function get(path, { signal } = {}) {
  return ask(path, { signal });
}

/** Read, or give null where there is no such thing. */
export async function find(path, options) {
  try {
    return await get(path, options);
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}

/** Ask for something to be done. */
export function post(path, body = {}, { signal } = {}) {
  return ask(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(address(path), options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { title: "No answer", detail: "The service does not answer. Does it run?" });
  }
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(answer.status, said);
  return said;
}
