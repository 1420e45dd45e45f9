// Form fields of training jobs and sweeps, and their values.
import { Problem } from "./api.js";
import { h, setChildren } from "./dom.js";
import { problem } from "./components.js";
import { DEFAULT_KIND, MODEL_KINDS } from "./registers.js";

export const COMMON = ["learning_rate", "epochs", "n_hidden", "batch_size"];
const NUMBERS = { seed: "0", validation_share: "0.1" };
const KINDS = Object.fromEntries(Object.entries(MODEL_KINDS).map(([kind, { summary }]) => [kind, summary]));

/** Create the fields of the model kind, common hyperparameters, seed and validation share. */
export function commonFields(settings) {
  return [
    field("model_kind", select("model_kind", KINDS, settings.get("model_kind") || DEFAULT_KIND), "double"),
    COMMON.map((name) => textField(name, { value: settings.get(name) })),
    Object.entries(NUMBERS).map(([name, placeholder]) => textField(name, { value: settings.get(name), placeholder })),
  ];
}

/** Create the field of all other hyperparameters, filled from `settings`. */
export function otherHyperparametersField(settings) {
  const known = ["model_kind", "warm_start", ...COMMON, ...Object.keys(NUMBERS)];
  const others = [...settings].filter(([name]) => !known.includes(name)).map(([name, value]) => `${name} = ${value}\n`);
  return field("Other hyperparameters, one per line", h("textarea", { name: "others", rows: "3", placeholder: "momentum = 0.5\nsparsity_target = 0.1" }, others), "wide");
}

/** Create the checkbox of warm start. */
export function warmStartField(settings) {
  return checkbox("warm_start", "warm_start: initialise with the weights of the published version", settings.get("warm_start") === "true");
}

/** Read the request from the fields; empty fields are left out, numbers are parsed. */
export function readRequest(form) {
  const data = new FormData(form);
  const hyperparameters = {};
  for (const name of COMMON) if (data.get(name).trim()) hyperparameters[name] = parseValue(data.get(name));
  for (const [name, value] of parseAssignments(data.get("others"))) hyperparameters[name] = parseValue(value);
  const request = { model_kind: data.get("model_kind") };
  if (Object.keys(hyperparameters).length) request.hyperparameters = hyperparameters;
  for (const name of Object.keys(NUMBERS)) if (data.get(name).trim()) request[name] = parseValue(data.get(name));
  if (data.has("warm_start")) request.warm_start = true;
  return request;
}

/** Return a request or job as settings for the URL of a form. */
export function requestSettings({ model_kind, seed, validation_share, warm_start, hyperparameters }) {
  return { model_kind, seed, validation_share, warm_start: warm_start || "", ...hyperparameters };
}

/** Create a form field with a label. */
export function field(label, input, kind = null) {
  return h("label", { class: kind }, label, input);
}

/** Create a field for one or more numbers. */
export function textField(name, { label = name, value = null, placeholder = null, kind = null, keys = "decimal" } = {}) {
  return field(label, h("input", { name, inputmode: keys, value, placeholder, autocomplete: "off" }), kind);
}

/** Create a select field; `options` maps values to their meanings. */
export function select(name, options, chosen) {
  return h("select", { name }, Object.entries(options).map(([value, meaning]) => h("option", { value, selected: value === chosen }, `${value}: ${meaning}`)));
}

/** Create a checkbox. */
export function checkbox(name, label, checked = false) {
  return h("label", { class: "tick double" }, h("input", { type: "checkbox", name, checked }), label);
}

/** Parse `name = value` lines into pairs; empty lines are skipped. */
export function parseAssignments(text) {
  const pairs = text.split("\n").map((line) => {
    const [name, ...value] = line.split("=");
    return [name.trim(), value.join("=").trim()];
  });
  return pairs.filter(([name, value]) => name || value);
}

/** Parse a number; other text stays text, which the service validates. */
export function parseValue(text) {
  const value = text.trim();
  return value !== "" && Number.isFinite(Number(value)) ? Number(value) : value;
}

/** Send a form once when it is submitted. An error appears in `messages` and allows another attempt. */
export function submitOnce(form, start, messages, send) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    start.disabled = true;
    setChildren(messages);
    try {
      await send();
    } catch (error) {
      setChildren(messages, problem(error));
      start.disabled = false;
    }
  });
}

/** Return the error of a form whose input cannot be parsed. */
export function inputError(detail) {
  return new Problem(0, { title: "Invalid input", detail });
}
