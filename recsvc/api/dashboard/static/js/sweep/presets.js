// The experiments that a sweep can be: what each asks for, and what is sent for it.
import { choice, field, tick, typed, typing } from "../forms.js";
import { h } from "../dom.js";
import { plain } from "../format.js";
import { drawn, grid, values } from "./search-space.js";

const RATES = { joint_rbm: 0.006, user_rbm: 0.02, item_rbm: 0.02 }; // the kinds' defaults
const AROUND = [0.1, 0.3, 1, 3, 10];
const SHORT = { joint_rbm: 5, user_rbm: 35, item_rbm: 35 }; // epochs of a range test
const SCALINGS = { quantiles: "levels of equal counts", logarithms: "levels by magnitude", widths: "levels of equal width, unscaled" };
const COMPARED = ["quantiles", "widths"];
const WAYS = { grid: "every combination of the values", random: "values drawn from lists and ranges" };
const EXAMPLES = { grid: "n_hidden = 50, 100, 200\nmomentum = 0.5, 0.9", random: "learning_rate = 0.001..1:log\nn_hidden = 50, 100, 200" };

/**
 * The experiments, in two columns.
 *
 * An experiment is {title, means, label, fields, asked}: `asked` reads what it tries from its form.
 * Some have `follows`, which is told what all trials have in common, `adds`, which says more of the
 * jobs, or `runsToTheEnd`, where stopping trials early means nothing.
 */
export function experiments() {
  return [
    [learningRates(), scalings()],
    [rateRange(), anything()],
  ];
}

function learningRates() {
  let suggested = "";
  return {
    title: "Compare learning rates",
    means: "A grid around learning_rate, if one is given, or else around the default of the kind.",
    label: "Compare learning rates",
    fields: [typing("rates", { label: "Learning rates, with commas between", kind: "wide", keys: "text" })],
    asked: (form) => ({ grid: { learning_rate: values("learning_rate", form.elements.rates.value) } }),
    follows: (form, base) => {
      const { rates } = form.elements;
      const own = rates.value !== suggested;
      const rate = base.hyperparameters?.learning_rate;
      suggested = around(typeof rate === "number" ? rate : RATES[base.model_kind]);
      if (!own) rates.value = suggested;
    },
  };
}

function around(rate) {
  return AROUND.map((factor) => plain(rate * factor)).join(", ");
}

function scalings() {
  return {
    title: "Compare scaled with unscaled data",
    means: "For counts and amounts: more than twenty different values and no declared scale. Lists tell which is better, so model_kind must be joint_rbm.",
    label: "Compare scalings",
    fields: [Object.entries(SCALINGS).map(([name, means]) => tick(name, `${name}: ${means}`, COMPARED.includes(name)))],
    asked: (form) => ({ grid: { scaling: Object.keys(SCALINGS).filter((name) => form.elements[name].checked) } }),
  };
}

function rateRange() {
  return {
    title: "Find the range of learning rates",
    means: "Short trials at rising rates say where the loss falls, from where on it rises, and which rate to try.",
    label: "Find the range",
    fields: [
      typing("low", { label: "Lowest rate", placeholder: "0.00001" }),
      typing("high", { label: "Highest rate", placeholder: "10" }),
      typing("trials", { label: "Trials", placeholder: "8" }),
    ],
    asked: (form) => ({ rate_range: filled(form, ["low", "high", "trials"]) }),
    adds: (base) => ` of ${plain(base.hyperparameters?.epochs ?? SHORT[base.model_kind])} epochs each`,
    runsToTheEnd: true,
  };
}

function anything() {
  const over = h("textarea", { name: "over", rows: "4", placeholder: EXAMPLES.grid });
  const way = choice("way", WAYS, "grid");
  const drawing = [typing("trials", { label: "Trials", placeholder: "20" }), typing("draw_seed", { label: "Seed of draws", placeholder: "0" })];
  const choose = () => {
    over.placeholder = EXAMPLES[way.value];
    for (const one of drawing) one.hidden = way.value === "grid";
  };
  way.addEventListener("change", choose);
  choose();
  return {
    title: "Try anything else",
    means: "Any hyperparameter, and model_kind: NAME = VALUE, VALUE. To draw from a range: NAME = LOW..HIGH, or LOW..HIGH:log for rates.",
    label: "Start the sweep",
    fields: [field("How values are combined", way, "wide"), field("Hyperparameters and their values, one a line", over, "wide"), drawing],
    asked: (form) => (way.value === "grid" ? { grid: grid(over.value) } : { random: random(form, over.value) }),
  };
}

function random(form, text) {
  const { trials, draw_seed: seed } = filled(form, ["trials", "draw_seed"]);
  return { over: drawn(text), ...(trials !== undefined && { trials }), ...(seed !== undefined && { seed }) };
}

function filled(form, names) {
  const written = names.filter((name) => form.elements[name].value.trim());
  return Object.fromEntries(written.map((name) => [name, typed(form.elements[name].value)]));
}
