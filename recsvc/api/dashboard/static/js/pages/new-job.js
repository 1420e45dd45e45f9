// The form of a new training job, with a preview.
import { postJson } from "../api.js";
import { checkbox, COMMON, commonFields, field, otherHyperparametersField, readRequest, requestSettings, select, submitOnce, warmStartField } from "../forms.js";
import { announce, h, setChildren } from "../dom.js";
import * as format from "../format.js";
import { button, facts, heading, section } from "../components.js";
import { link, navigate } from "../router.js";
import { dataProfile } from "./data.js";

const PUBLISH = { if_better: "if it improves", never: "never", always: "always" };

/** Draw the form, filled from `settings`: hyperparameters, model_kind, seed. */
export async function show(page, { settings, signal, setTitle }) {
  setTitle("New training job");
  const preview = h("div", { "aria-live": "polite" });
  const messages = h("div");
  const form = formOf(settings);
  const showPreview = button("Preview", async () => draw(preview, form, await postJson("v1/training-jobs:validate", body(form), { signal })), { messages });
  const start = h("button", { class: "button main" }, "Start training");
  form.append(h("div", { class: "actions wide" }, start, showPreview));
  submitOnce(form, start, messages, async () => {
    const job = await postJson("v1/training-jobs", body(form));
    announce(`Job ${job.id} is queued.`);
    navigate(`jobs/${job.id}`);
  });
  page.append(
    heading("New training job", sweepLink(form)),
    h("p", { class: "about" }, "All fields are optional. Defaults for empty fields are chosen from the data."),
    section("Parameters", form, messages),
    preview,
  );
}

/** Create a link to a new sweep with the values of the form. */
function sweepLink(form) {
  const element = h("a", { class: "button plain" }, "Compare values: new sweep");
  const update = () => element.setAttribute("href", link("sweeps/new", requestSettings(readRequest(form))));
  form.addEventListener("input", update);
  update();
  return element;
}

function formOf(settings) {
  return h(
    "form",
    { class: "asking" },
    commonFields(settings),
    field("publish", select("publish", PUBLISH, "if_better")),
    otherHyperparametersField(settings),
    checkbox("autopilot", "autopilot: try the changes that the diagnosis suggests, keep those that help"),
    warmStartField(settings),
  );
}

/** Return the body of the request. */
function body(form) {
  const data = new FormData(form);
  return { ...readRequest(form), publish: data.get("publish"), ...(data.has("autopilot") && { autopilot: true }) };
}

function draw(place, form, result) {
  for (const name of COMMON) {
    const value = result.hyperparameters?.[name];
    form.elements[name].placeholder = value === undefined ? "" : format.value(value);
  }
  const chosen = Object.entries(result.choices || {});
  setChildren(
    place,
    result.problem && h("div", { class: "problem", role: "alert" }, h("strong", {}, result.problem.title), h("p", {}, result.problem.detail)),
    h(
      "div",
      { class: "columns" },
      section(
        "Expected training",
        facts([
          ["Result", result.verdict],
          ["Estimated time", format.duration(result.estimated_seconds)],
          ["Estimated memory", format.bytes(result.needed_bytes)],
          ["Available memory", format.bytes(result.available_bytes)],
          ["Ratings per parameter", format.number(result.ratings_per_parameter, 2)],
        ]),
        chosen.length > 0 && h("ul", {}, chosen.map(([name, one]) => h("li", {}, h("b", {}, `${name}=${format.value(one.value)}`), `: ${one.because}.`))),
      ),
      dataProfile(result),
    ),
  );
}
