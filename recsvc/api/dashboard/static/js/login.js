// Login with an API key, and logout.
import { getJson, LOGIN_PATH, postJson, sendDelete, useLogin } from "./api.js";
import { heading, problem } from "./components.js";
import { h, setChildren } from "./dom.js";
import { field } from "./forms.js";

/** Read the login of this browser; return whether pages can be shown. `onLoginNeeded` shows the form. */
export async function readLogin(onLoginNeeded) {
  const login = await getJson(LOGIN_PATH);
  useLogin(login.csrf_token, onLoginNeeded);
  showLogoutButton(login);
  return !login.needs_key || Boolean(login.prefix);
}

/** Create the login form; `onLogin` is called after a successful login. */
export function loginForm(onLogin) {
  const messages = h("div", { class: "messages" });
  const key = h("input", { name: "key", type: "password", autocomplete: "current-password", required: true, class: "key" });
  const send = h("button", { class: "button main" }, "Log in");
  const form = h("form", { class: "panel login" }, field("API key", key, "wide"), h("div", { class: "actions" }, send), messages);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    send.disabled = true;
    setChildren(messages);
    try {
      await postJson(LOGIN_PATH, { key: key.value.trim() });
      await onLogin();
    } catch (error) {
      setChildren(messages, problem(error));
    } finally {
      send.disabled = false;
    }
  });
  const hint = "An operator creates keys with: recsvc keys create NAME --scope admin. The first start prints one in the log.";
  return h("div", { class: "page" }, heading("Log in"), h("p", { class: "quiet" }, hint), form);
}

function showLogoutButton({ prefix, scopes }) {
  const place = document.getElementById("login");
  place.hidden = !prefix;
  if (!prefix) return;
  const logOut = h("button", { type: "button", class: "button plain", title: `Logged in with ${prefix}: ${scopes.join(", ")}` }, "Log out");
  logOut.addEventListener("click", async () => {
    await sendDelete(LOGIN_PATH);
    location.reload();
  });
  setChildren(place, logOut);
}
