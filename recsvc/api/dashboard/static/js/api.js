// Client of the public API: JSON requests and responses.
export const LOGIN_PATH = "v1/login";

/** An error response, read from application/problem+json. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `The service returned status ${status}.`);
    this.status = status;
    this.title = body.title || "Request failed";
    this.fields = body.errors || [];
    this.requestId = body.request_id || "";
  }
}

let csrfToken = "";
let showLogin = () => {};

/** Set the token that changes send, and the function that is called when a login is needed. */
export function useLogin(token, onLoginNeeded) {
  csrfToken = token || "";
  showLogin = onLoginNeeded;
}

/** Return the URL of a path of the service, with the prefix of a proxy. */
export function serviceUrl(path) {
  return new URL(path, document.baseURI.split("#")[0]).href;
}

/** Send a GET request and return the JSON body. `signal` aborts it. */
export function getJson(path, { signal } = {}) {
  return request(path, { signal });
}

/** Send a GET request and return the JSON body, null for status 404. */
export async function findJson(path, options) {
  try {
    return await getJson(path, options);
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}

/** Send a POST request and return the JSON body. */
export function postJson(path, body = {}, { signal } = {}) {
  return request(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...changeHeaders() },
    body: JSON.stringify(body),
    signal,
  });
}

/** Send a DELETE request. */
export function sendDelete(path) {
  return request(path, { method: "DELETE", headers: changeHeaders() });
}

function changeHeaders() {
  return csrfToken ? { "X-CSRF-Token": csrfToken } : {};
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(serviceUrl(path), options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { title: "No response", detail: "The service does not respond. Check that it is running." });
  }
  const result = await response.json().catch(() => ({}));
  if (response.status === 401 && path !== LOGIN_PATH) showLogin();
  if (!response.ok) throw new Problem(response.status, result);
  return result;
}
