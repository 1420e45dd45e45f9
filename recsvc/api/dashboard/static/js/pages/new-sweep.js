// A new sweep: what is compared, and what all of its trials have in common.
import { Problem, post } from "../api.js";
import { base, othersField, sends, tick, usualFields, warmField } from "../forms.js";
import { fill, freshId, h, say } from "../dom.js";
import { heading, section } from "../components.js";
import { go } from "../router.js";
import { experiments } from "../sweep/presets.js";
import { size } from "../sweep/search-space.js";

/** Draw the forms. `settings` may fill what the trials have in common: model_kind, seed, any hyperparameter. */
export async function show(page, { settings, entitle }) {
  entitle("New sweep");
  const common = h("form", { class: "asking", onsubmit: (event) => event.preventDefault() }, usualFields(settings), othersField(settings), warmField(settings), tick("early_stopping", "early_stopping: stop trials that are worse than the median", true));
  page.append(
    heading("New sweep"),
    h("p", { class: "about" }, "Several jobs that differ in what is compared, beside each other on the same ratings. None is published by itself."),
    h(
      "div",
      { class: "sweeping" },
      section("What all trials have in common", h("p", { class: "quiet" }, "Nothing need be chosen: what is left empty is decided by the shape of your data."), common),
      h("div", { class: "columns" }, experiments().map((column) => h("div", { class: "stack" }, column.map((one) => panelOf(one, common))))),
    ),
  );
}

function panelOf(experiment, common) {
  const id = freshId("count");
  const told = h("div");
  const count = h("output", { id, class: "quiet" });
  const start = h("button", { class: "button main", "aria-describedby": id }, experiment.label);
  const form = h("form", { class: "asking" }, experiment.fields, h("div", { class: "actions wide" }, start, count));
  const tell = () => {
    experiment.follows?.(form, base(common));
    fill(count, counted(experiment, form, common));
  };
  for (const one of [form, common]) one.addEventListener("input", tell);
  tell();
  sends(form, start, told, async () => {
    const sweep = await post("v1/sweeps", body(experiment, form, common));
    say(`Sweep ${sweep.id} of ${sweep.trials.length} jobs is queued.`);
    go(`sweeps/${sweep.id}`);
  });
  return section(experiment.title, h("p", { class: "quiet" }, experiment.means), form, told);
}

/** The body of the request: nothing that was not chosen. */
function body({ asked, runsToTheEnd }, form, common) {
  const isStopping = runsToTheEnd || common.elements.early_stopping.checked;
  return { ...asked(form), base: base(common), ...(!isStopping && { early_stopping: false }) };
}

function counted({ asked, adds }, form, common) {
  let n = 0;
  try {
    n = size(asked(form));
  } catch (error) {
    if (!(error instanceof Problem)) throw error; // half typed: what is wrong is told when it is sent
  }
  if (!n) return "Queues no job yet.";
  return `Queues ${n} ${n === 1 ? "job" : "jobs"}${adds?.(base(common)) ?? ""}.`;
}
