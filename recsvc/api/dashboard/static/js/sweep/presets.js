// The experiments of a new sweep: form fields, and the search space that is sent.
import { checkbox, field, parseValue, select, textField } from "../forms.js";
import { h } from "../dom.js";
import { value as formatValue } from "../format.js";
import { MODEL_KINDS } from "../registers.js";
import { parseGrid, parseSearchSpace, parseValues } from "./search-space.js";

const AROUND = [0.1, 0.3, 1, 3, 10];
const SCALINGS = { quantiles: "levels with equal counts", logarithms: "levels on a log scale", widths: "levels of equal width, unscaled" };
const COMPARED = ["quantiles", "widths"];
const METHODS = { grid: "every combination of the values", random: "random values from lists and ranges" };
const EXAMPLES = { grid: "n_hidden = 50, 100, 200\nmomentum = 0.5, 0.9", random: "learning_rate = 0.001..1:log\nn_hidden = 50, 100, 200" };

/**
 * Return the experiments in two columns.
 *
 * An experiment is {title, description, label, fields, readSpace}; `readSpace` reads the search space
 * from its form. Optional: `onBaseChange` is called with the parameters of all trials, `countSuffix`
 * returns text after the number of jobs, `ignoresEarlyStopping` omits the option.
 */
export function experiments() {
  return [
    [learningRateGrid(), scalingGrid()],
    [rangeTest(), customSweep()],
  ];
}

function learningRateGrid() {
  let suggested = "";
  return {
    title: "Compare learning rates",
    description: "A grid around learning_rate, or around the default of the model kind.",
    label: "Compare learning rates",
    fields: [textField("rates", { label: "Learning rates, separated by commas", kind: "wide", keys: "text" })],
    readSpace: (form) => ({ grid: { learning_rate: parseValues("learning_rate", form.elements.rates.value) } }),
    onBaseChange: (form, base) => {
      const { rates } = form.elements;
      const isEdited = rates.value !== suggested;
      const rate = base.hyperparameters?.learning_rate;
      suggested = ratesAround(typeof rate === "number" ? rate : MODEL_KINDS[base.model_kind].learning_rate);
      if (!isEdited) rates.value = suggested;
    },
  };
}

function ratesAround(rate) {
  return AROUND.map((factor) => formatValue(rate * factor)).join(", ");
}

function scalingGrid() {
  return {
    title: "Compare scaled and unscaled data",
    description: "For counts and amounts: more than 20 different values and no declared rating scale. Scalings are compared by nDCG@10, so model_kind must be joint_rbm.",
    label: "Compare scalings",
    fields: [Object.entries(SCALINGS).map(([name, meaning]) => checkbox(name, `${name}: ${meaning}`, COMPARED.includes(name)))],
    readSpace: (form) => ({ grid: { scaling: Object.keys(SCALINGS).filter((name) => form.elements[name].checked) } }),
  };
}

function rangeTest() {
  return {
    title: "Learning-rate range test",
    description: "Short trials at increasing learning rates show where the loss decreases and where it increases, and suggest a learning rate.",
    label: "Start the range test",
    fields: [
      textField("low", { label: "Lowest learning rate", placeholder: "0.00001" }),
      textField("high", { label: "Highest learning rate", placeholder: "10" }),
      textField("trials", { label: "Trials", placeholder: "8" }),
    ],
    readSpace: (form) => ({ rate_range: filledValues(form, ["low", "high", "trials"]) }),
    countSuffix: (base) => ` of ${formatValue(base.hyperparameters?.epochs ?? MODEL_KINDS[base.model_kind].range_test_epochs)} epochs each`,
    ignoresEarlyStopping: true,
  };
}

function customSweep() {
  const space = h("textarea", { name: "space", rows: "4", placeholder: EXAMPLES.grid });
  const method = select("method", METHODS, "grid");
  const randomFields = [textField("trials", { label: "Trials", placeholder: "20" }), textField("draw_seed", { label: "Random seed", placeholder: "0" })];
  const showFields = () => {
    space.placeholder = EXAMPLES[method.value];
    for (const one of randomFields) one.hidden = method.value === "grid";
  };
  method.addEventListener("change", showFields);
  showFields();
  return {
    title: "Custom sweep",
    description: "Any hyperparameter or model_kind: NAME = VALUE, VALUE. Random search accepts ranges: NAME = LOW..HIGH, or LOW..HIGH:log for a log scale.",
    label: "Start the sweep",
    fields: [field("Search method", method, "wide"), field("Search space, one hyperparameter per line", space, "wide"), randomFields],
    readSpace: (form) => (method.value === "grid" ? { grid: parseGrid(space.value) } : { random: randomSearch(form, space.value) }),
  };
}

function randomSearch(form, text) {
  const { trials, draw_seed: seed } = filledValues(form, ["trials", "draw_seed"]);
  return { over: parseSearchSpace(text), ...(trials !== undefined && { trials }), ...(seed !== undefined && { seed }) };
}

function filledValues(form, names) {
  const present = names.filter((name) => form.elements[name].value.trim());
  return Object.fromEntries(present.map((name) => [name, parseValue(form.elements[name].value)]));
}
