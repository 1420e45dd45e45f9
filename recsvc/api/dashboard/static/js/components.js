// Components that the pages share.
import { Problem, serviceUrl } from "./api.js";
import { h, setChildren, uniqueId, visuallyHidden } from "./dom.js";

/** Create the heading of a page with its actions. */
export function heading(title, ...actions) {
  return h("div", { class: "heading" }, h("h1", { tabindex: "-1" }, title), h("div", { class: "actions" }, actions));
}

/** Create a section of a page with a heading. */
export function section(title, ...children) {
  const id = uniqueId("section");
  return h("section", { class: "panel", "aria-labelledby": id }, h("h2", { id }, title), children);
}

/** Create a badge for the state of a job or sweep, with text and colour. */
export function badge(state) {
  return h("span", { class: `badge ${state}` }, state);
}

/** Create a button that is disabled while its action runs; an error appears in `messages`, else below the button. */
export function button(label, action, { kind = "plain", messages = null } = {}) {
  const element = h("button", { type: "button", class: `button ${kind}` }, label);
  element.addEventListener("click", async () => {
    element.disabled = true;
    try {
      await action();
    } catch (error) {
      if (error.name !== "AbortError") (messages || messagePlace(element)).replaceChildren(problem(error));
    } finally {
      element.disabled = false;
    }
  });
  return element;
}

function messagePlace(element) {
  const place = h("div", { class: "messages" });
  const after = element.parentElement;
  after.parentElement.querySelector(":scope > .messages")?.remove();
  after.after(place);
  return place;
}

/** Create an alert with the text of an error. */
export function problem(error) {
  if (!(error instanceof Problem)) console.error(error);
  const fields = error.fields || [];
  return h(
    "div",
    { class: "problem", role: "alert" },
    h("strong", {}, error.title || "Unexpected error"),
    h("p", {}, error.message),
    fields.length > 1 && h("ul", {}, fields.map((one) => h("li", {}, `${one.field}: ${one.detail}`))),
    error.requestId && h("p", { class: "quiet" }, `Request id in the log: ${error.requestId}`),
  );
}

/** Create the placeholder of an empty list: the reason and the next step. */
export function emptyState(text, command = null) {
  return h("div", { class: "empty" }, h("p", {}, text), command && h("pre", { tabindex: "0" }, h("code", {}, command)));
}

/** Return a curl command for this service. */
export function curlCommand(path, body = null) {
  const sent = body ? ` -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'` : "";
  return `curl ${serviceUrl(path)}${sent}`;
}

/**
 * Create a table. `columns` are {title, numeric, minor, rest, isHidden}: `minor` columns are hidden on a
 * phone, the `rest` column takes the remaining width, and `isHidden` hides the title visually.
 */
export function table(caption, columns, rows) {
  const cell = (column, content, tag = "td") =>
    h(tag, { class: classes(column), scope: tag === "th" ? "col" : null }, content);
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      {},
      h("caption", { class: "visually-hidden" }, caption),
      h("thead", {}, h("tr", {}, columns.map((one) => cell(one, one.isHidden ? visuallyHidden(one.title) : one.title, "th")))),
      h("tbody", {}, rows.map((row) => h("tr", row.attributes || {}, (row.cells || row).map((content, n) => cell(columns[n], content))))),
    ),
  );
}

function classes(column) {
  return [column.numeric && "numeric", column.minor && "minor", column.rest && "rest"].filter(Boolean).join(" ") || null;
}

/** Create a list of names and values; null, undefined and false are left out. */
export function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== false);
  return h("dl", { class: "facts" }, shown.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** Create a section that can be expanded. */
export function disclosure(summary, ...children) {
  return h("details", {}, h("summary", {}, summary), children);
}

/** Show a dialog for confirmation; resolve to whether it was confirmed. */
export function confirmAction(question, consequence, confirmLabel) {
  const id = uniqueId("question");
  const dialog = h("dialog", { "aria-labelledby": id });
  return new Promise((resolve) => {
    const close = (value) => () => dialog.close(value);
    setChildren(
      dialog,
      h("h2", { id }, question),
      h("p", {}, consequence),
      h(
        "div",
        { class: "actions" },
        h("button", { type: "button", class: "button plain", onclick: close("") }, "Go back"),
        h("button", { type: "button", class: "button main", autofocus: true, onclick: close("yes") }, confirmLabel),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
