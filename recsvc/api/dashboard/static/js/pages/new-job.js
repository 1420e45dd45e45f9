// A new training job: what is asked for, looked at before it is queued.
import { post } from "../api.js";
import { fill, h, say } from "../dom.js";
import * as as from "../format.js";
import { button, facts, heading, problem, section } from "../parts.js";
import { go } from "../router.js";
import { profile } from "./data.js";

const COMMON = ["learning_rate", "epochs", "n_hidden", "batch_size"];
const KINDS = {
  joint_rbm: "what people choose and how they rate it; makes lists",
  user_rbm: "how users rate",
  item_rbm: "how items are rated",
};
const PUBLISH = { if_better: "if its lists are better", never: "never", always: "always" };

/** Draw the form. `settings` may fill it: the name of a hyperparameter, model_kind, seed. */
export async function show(page, { settings, signal, entitle }) {
  entitle("New training job");
  const preview = h("div", { "aria-live": "polite" });
  const told = h("div");
  const form = formOf(settings);
  const look = button("Look before", async () => draw(preview, form, await post("v1/training-jobs:validate", body(form), { signal })), { told });
  const start = h("button", { class: "button main" }, "Start training");
  form.append(h("div", { class: "actions wide" }, start, look));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    start.disabled = true;
    fill(told);
    try {
      const job = await post("v1/training-jobs", body(form));
      say(`Job ${job.id} is queued.`);
      go(`jobs/${job.id}`);
    } catch (error) {
      fill(told, problem(error));
    } finally {
      start.disabled = false;
    }
  });
  page.append(
    heading("New training job"),
    h("p", { class: "about" }, "Nothing need be chosen: what is left empty is decided by the shape of your data."),
    section("What is asked for", form, told),
    preview,
  );
}

function formOf(settings) {
  const number = (name, placeholder) => field(name, h("input", { name, inputmode: "decimal", value: settings.get(name) || "", placeholder, autocomplete: "off" }));
  return h(
    "form",
    { class: "asking" },
    field("model_kind", choice("model_kind", KINDS, settings.get("model_kind") || "joint_rbm"), "double"),
    COMMON.map((name) => number(name, "")),
    number("seed", "0"),
    number("validation_share", "0.1"),
    field("publish", choice("publish", PUBLISH, "if_better")),
    field("Other hyperparameters, one a line", h("textarea", { name: "others", rows: "3", placeholder: "momentum = 0.5\nsparsity_target = 0.1" }), "wide"),
    tick("autopilot", "autopilot: follow the diagnosis, keep what helps"),
    tick("warm_start", "warm_start: begin at the published weights"),
  );
}

function field(name, input, kind = null) {
  return h("label", { class: kind }, name, input);
}

function choice(name, options, chosen) {
  return h("select", { name }, Object.entries(options).map(([value, means]) => h("option", { value, selected: value === chosen }, `${value}: ${means}`)));
}

function tick(name, label) {
  return h("label", { class: "tick double" }, h("input", { type: "checkbox", name }), label);
}

/** The body of the request: only what was filled in, numbers as numbers. */
function body(form) {
  const data = new FormData(form);
  const hyperparameters = {};
  for (const name of COMMON) if (data.get(name).trim()) hyperparameters[name] = typed(data.get(name));
  for (const line of data.get("others").split("\n")) {
    const [name, value] = line.split("=").map((part) => part.trim());
    if (name) hyperparameters[name] = typed(value ?? "");
  }
  const asked = { model_kind: data.get("model_kind"), publish: data.get("publish"), hyperparameters };
  for (const name of ["seed", "validation_share"]) if (data.get(name).trim()) asked[name] = typed(data.get(name));
  for (const name of ["autopilot", "warm_start"]) if (data.has(name)) asked[name] = true;
  return asked;
}

function typed(text) {
  const value = text.trim();
  return value !== "" && Number.isFinite(Number(value)) ? Number(value) : value;
}

function draw(place, form, seen) {
  for (const name of COMMON) {
    const value = seen.hyperparameters?.[name];
    form.elements[name].placeholder = value === undefined ? "" : as.plain(value);
  }
  const chosen = Object.entries(seen.choices || {});
  fill(
    place,
    seen.problem && h("div", { class: "problem", role: "alert" }, h("strong", {}, seen.problem.title), h("p", {}, seen.problem.detail)),
    h(
      "div",
      { class: "columns" },
      section(
        "What would become of it",
        facts([
          ["Verdict", seen.verdict],
          ["Time, about", as.duration(seen.estimated_seconds)],
          ["Memory, about", as.bytes(seen.needed_bytes)],
          ["Memory there is", as.bytes(seen.available_bytes)],
          ["Ratings a parameter", as.number(seen.ratings_per_parameter, 2)],
        ]),
        chosen.length > 0 && h("ul", {}, chosen.map(([name, one]) => h("li", {}, h("b", {}, `${name}=${as.plain(one.value)}`), `: ${one.because}.`))),
      ),
      profile(seen),
    ),
  );
}
