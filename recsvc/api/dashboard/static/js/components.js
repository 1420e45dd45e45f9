// Parts that every page is made of.
import { Problem, address } from "./api.js";
import { fill, freshId, h, unseen } from "./dom.js";

/** A page's heading with what can be done there. */
export function heading(title, ...actions) {
  return h("div", { class: "heading" }, h("h1", { tabindex: "-1" }, title), h("div", { class: "actions" }, actions));
}

/** A part of a page with a heading of its own. */
export function section(title, ...children) {
  const id = freshId("section");
  return h("section", { class: "panel", "aria-labelledby": id }, h("h2", { id }, title), children);
}

/** The state of a job or sweep: said by its word and shown by its colour. */
export function badge(state) {
  return h("span", { class: `badge ${state}` }, state);
}

/** A button that waits for what it does, and tells what went wrong beside itself. */
export function button(label, act, { kind = "plain", told = null } = {}) {
  const element = h("button", { type: "button", class: `button ${kind}` }, label);
  element.addEventListener("click", async () => {
    element.disabled = true;
    try {
      await act();
    } catch (error) {
      if (error.name !== "AbortError") (told || besides(element)).replaceChildren(problem(error));
    } finally {
      element.disabled = false;
    }
  });
  return element;
}

function besides(element) {
  const place = h("div", { class: "told" });
  const after = element.parentElement;
  after.parentElement.querySelector(":scope > .told")?.remove();
  after.after(place);
  return place;
}

/** What went wrong, in the service's own words. */
export function problem(error) {
  if (!(error instanceof Problem)) console.error(error);
  const fields = error.fields || [];
  return h(
    "div",
    { class: "problem", role: "alert" },
    h("strong", {}, error.title || "Something went wrong"),
    h("p", {}, error.message),
    fields.length > 1 && h("ul", {}, fields.map((one) => h("li", {}, `${one.field}: ${one.detail}`))),
    error.requestId && h("p", { class: "quiet" }, `Request ${error.requestId} in the log.`),
  );
}

/** Nothing is here yet: why, and what to do next. */
export function empty(text, command = null) {
  return h("div", { class: "empty" }, h("p", {}, text), command && h("pre", { tabindex: "0" }, h("code", {}, command)));
}

/** A line for a terminal that asks this very service. */
export function curl(path, body = null) {
  const sent = body ? ` -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'` : "";
  return `curl ${address(path)}${sent}`;
}

/**
 * A table. `columns` are {title, numeric, minor, rest, unseen}; minor ones are left out on a phone, and
 * what is clipped in the one that is the rest has the room that the others leave.
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
      h("caption", { class: "unseen" }, caption),
      h("thead", {}, h("tr", {}, columns.map((one) => cell(one, one.unseen ? unseen(one.title) : one.title, "th")))),
      h("tbody", {}, rows.map((row) => h("tr", row.attributes || {}, (row.cells || row).map((content, n) => cell(columns[n], content))))),
    ),
  );
}

function classes(column) {
  return [column.numeric && "numeric", column.minor && "minor", column.rest && "rest"].filter(Boolean).join(" ") || null;
}

/** Pairs of a name and a value. */
export function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== false);
  return h("dl", { class: "facts" }, shown.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** Something that opens: details that not everybody wants. */
export function opening(summary, ...children) {
  return h("details", {}, h("summary", {}, summary), children);
}

/** Ask before something that cannot be undone by itself; resolves to whether it is wanted. */
export function confirmed(question, consequence, yes) {
  const id = freshId("question");
  const dialog = h("dialog", { "aria-labelledby": id });
  return new Promise((resolve) => {
    const answer = (value) => () => dialog.close(value);
    fill(
      dialog,
      h("h2", { id }, question),
      h("p", {}, consequence),
      h(
        "div",
        { class: "actions" },
        h("button", { type: "button", class: "button plain", onclick: answer("") }, "Go back"),
        h("button", { type: "button", class: "button main", autofocus: true, onclick: answer("yes") }, yes),
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
