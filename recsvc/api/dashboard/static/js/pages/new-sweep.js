// The forms of a new sweep: parameters of all trials, and one form per experiment.
import { postJson, Problem } from "../api.js";
import { checkbox, commonFields, otherHyperparametersField, readRequest, submitOnce, warmStartField } from "../forms.js";
import { announce, h, setChildren, uniqueId } from "../dom.js";
import { heading, section } from "../components.js";
import { navigate } from "../router.js";
import { experiments } from "../sweep/presets.js";
import { countTrials } from "../sweep/search-space.js";

/** Draw the forms; `settings` fills the parameters of all trials: model_kind, seed, hyperparameters. */
export async function show(page, { settings, setTitle }) {
  setTitle("New sweep");
  const common = h("form", { class: "asking", onsubmit: (event) => event.preventDefault() }, commonFields(settings), otherHyperparametersField(settings), warmStartField(settings), checkbox("early_stopping", "early_stopping: stop trials that are worse than the median", true));
  page.append(
    heading("New sweep"),
    h("p", { class: "about" }, "A sweep compares training jobs with different hyperparameters on the same ratings. Their models are not published automatically."),
    h(
      "div",
      { class: "sweeping" },
      section("Parameters of all trials", h("p", { class: "quiet" }, "All fields are optional. Defaults for empty fields are chosen from the data."), common),
      h("div", { class: "columns" }, experiments().map((column) => h("div", { class: "stack" }, column.map((one) => panelOf(one, common))))),
    ),
  );
}

function panelOf(experiment, common) {
  const id = uniqueId("count");
  const messages = h("div");
  const count = h("output", { id, class: "quiet" });
  const start = h("button", { class: "button main", "aria-describedby": id }, experiment.label);
  const form = h("form", { class: "asking" }, experiment.fields, h("div", { class: "actions wide" }, start, count));
  const update = () => {
    experiment.onBaseChange?.(form, readRequest(common));
    setChildren(count, countText(experiment, form, common));
  };
  for (const one of [form, common]) one.addEventListener("input", update);
  update();
  submitOnce(form, start, messages, async () => {
    const sweep = await postJson("v1/sweeps", body(experiment, form, common));
    announce(`Sweep ${sweep.id} of ${sweep.trials.length} jobs is queued.`);
    navigate(`sweeps/${sweep.id}`);
  });
  return section(experiment.title, h("p", { class: "quiet" }, experiment.description), form, messages);
}

/** Return the body of the request; defaults are left out. */
function body({ readSpace, ignoresEarlyStopping }, form, common) {
  const isStopping = ignoresEarlyStopping || common.elements.early_stopping.checked;
  return { ...readSpace(form), base: readRequest(common), ...(!isStopping && { early_stopping: false }) };
}

function countText({ readSpace, countSuffix }, form, common) {
  let n = 0;
  try {
    n = countTrials(readSpace(form));
  } catch (error) {
    if (!(error instanceof Problem)) throw error; // incomplete input: the error appears when the form is sent
  }
  if (!n) return "No jobs yet.";
  return `Queues ${n} ${n === 1 ? "job" : "jobs"}${countSuffix?.(readRequest(common)) ?? ""}.`;
}
