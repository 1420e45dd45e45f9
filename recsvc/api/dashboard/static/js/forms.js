// What a training job or a sweep of them is asked for: fields, and what was typed into them.
import { Problem } from "./api.js";
import { fill, h } from "./dom.js";
import { problem } from "./components.js";

export const COMMON = ["learning_rate", "epochs", "n_hidden", "batch_size"];
const NUMBERS = { seed: "0", validation_share: "0.1" };
const KINDS = {
  joint_rbm: "what people choose and how they rate it; makes lists",
  user_rbm: "how users rate",
  item_rbm: "how items are rated",
};

/** The fields of the kind, its usual hyperparameters, the seed and the share to check against. */
export function usualFields(settings) {
  return [
    field("model_kind", choice("model_kind", KINDS, settings.get("model_kind") || "joint_rbm"), "double"),
    COMMON.map((name) => typing(name, { value: settings.get(name) })),
    Object.entries(NUMBERS).map(([name, placeholder]) => typing(name, { value: settings.get(name), placeholder })),
  ];
}

/** The field of all other hyperparameters; those that `settings` name stand in it. */
export function othersField(settings) {
  const known = ["model_kind", "warm_start", ...COMMON, ...Object.keys(NUMBERS)];
  const others = [...settings].filter(([name]) => !known.includes(name)).map(([name, value]) => `${name} = ${value}\n`);
  return field("Other hyperparameters, one a line", h("textarea", { name: "others", rows: "3", placeholder: "momentum = 0.5\nsparsity_target = 0.1" }, others), "wide");
}

/** The tick of a start at the weights that answer now. */
export function warmField(settings) {
  return tick("warm_start", "warm_start: begin at the published weights", settings.get("warm_start") === "true");
}

/** What the fields above ask for: only what was filled in, numbers as numbers. */
export function base(form) {
  const data = new FormData(form);
  const hyperparameters = {};
  for (const name of COMMON) if (data.get(name).trim()) hyperparameters[name] = typed(data.get(name));
  for (const [name, value] of lines(data.get("others"))) hyperparameters[name] = typed(value);
  const asked = { model_kind: data.get("model_kind") };
  if (Object.keys(hyperparameters).length) asked.hyperparameters = hyperparameters;
  for (const name of Object.keys(NUMBERS)) if (data.get(name).trim()) asked[name] = typed(data.get(name));
  if (data.has("warm_start")) asked.warm_start = true;
  return asked;
}

/** The same as settings of an address, of a form or of a job that was asked for. */
export function settingsOf({ model_kind, seed, validation_share, warm_start, hyperparameters }) {
  return { model_kind, seed, validation_share, warm_start: warm_start || "", ...hyperparameters };
}

/** A field of a form with its name above it. */
export function field(label, input, kind = null) {
  return h("label", { class: kind }, label, input);
}

/** A field for a number, or for several of them. */
export function typing(name, { label = name, value = null, placeholder = null, kind = null, keys = "decimal" } = {}) {
  return field(label, h("input", { name, inputmode: keys, value, placeholder, autocomplete: "off" }), kind);
}

/** A choice of one of several words, each with what it means. */
export function choice(name, options, chosen) {
  return h("select", { name }, Object.entries(options).map(([value, means]) => h("option", { value, selected: value === chosen }, `${value}: ${means}`)));
}

/** A box to tick. */
export function tick(name, label, checked = false) {
  return h("label", { class: "tick double" }, h("input", { type: "checkbox", name, checked }), label);
}

/** Pairs of a name and what stands after its equals sign, of each line that is not empty. */
export function lines(text) {
  const pairs = text.split("\n").map((line) => {
    const [name, ...value] = line.split("=");
    return [name.trim(), value.join("=").trim()];
  });
  return pairs.filter(([name, value]) => name || value);
}

/** A number where the text reads as one; the service judges what may be a word. */
export function typed(text) {
  const value = text.trim();
  return value !== "" && Number.isFinite(Number(value)) ? Number(value) : value;
}

/** Send a form when it is submitted, and not again unless it was refused; why is told in `told`. */
export function sends(form, start, told, send) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    start.disabled = true;
    fill(told);
    try {
      await send();
    } catch (error) {
      fill(told, problem(error));
      start.disabled = false;
    }
  });
}

/** What is told where a form cannot be sent as it is. */
export function notSent(detail) {
  return new Problem(0, { title: "Nothing was sent", detail });
}
