// A new training job: what is asked for, looked at before it is queued.
import { post } from "../api.js";
import { COMMON, base, choice, field, othersField, sends, settingsOf, tick, usualFields, warmField } from "../forms.js";
import { fill, h, say } from "../dom.js";
import * as as from "../format.js";
import { button, facts, heading, section } from "../components.js";
import { go, link } from "../router.js";
import { profile } from "./data.js";

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
  sends(form, start, told, async () => {
    const job = await post("v1/training-jobs", body(form));
    say(`Job ${job.id} is queued.`);
    go(`jobs/${job.id}`);
  });
  page.append(
    heading("New training job", sweeping(form)),
    h("p", { class: "about" }, "Nothing need be chosen: what is left empty is decided by the shape of your data."),
    section("What is asked for", form, told),
    preview,
  );
}

/** The way to a sweep, which what is typed goes along. */
function sweeping(form) {
  const way = h("a", { class: "button plain" }, "Compare several: new sweep");
  const aim = () => way.setAttribute("href", link("sweeps/new", settingsOf(base(form))));
  form.addEventListener("input", aim);
  aim();
  return way;
}

function formOf(settings) {
  return h(
    "form",
    { class: "asking" },
    usualFields(settings),
    field("publish", choice("publish", PUBLISH, "if_better")),
    othersField(settings),
    tick("autopilot", "autopilot: follow the diagnosis, keep what helps"),
    warmField(settings),
  );
}

/** The body of the request. */
function body(form) {
  const data = new FormData(form);
  return { ...base(form), publish: data.get("publish"), ...(data.has("autopilot") && { autopilot: true }) };
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
