// All training jobs, newest first, a page at a time; those that run are looked at again and again.
import { get } from "../api.js";
import { fill, h, keepingFocus } from "../dom.js";
import * as as from "../format.js";
import { badge, button, curl, empty, heading, problem, table } from "../components.js";
import { go, link } from "../router.js";

const ON_A_PAGE = 50;
const LOOK_AGAIN_MS = 2000;
const MOST_BESIDE = 8;
const COLUMNS = [
  { title: "Compare", unseen: true },
  { title: "Job", numeric: true },
  { title: "State" },
  { title: "Progress" },
  { title: "Kind", minor: true },
  { title: "Asked", minor: true, rest: true },
  { title: "Best epoch", numeric: true, minor: true },
  { title: "Model", numeric: true },
  { title: "Began", minor: true },
  { title: "Took", numeric: true, minor: true },
];

/** Draw the page; `settings.cursor` says where in the list it is. */
export async function show(page, { settings, signal, entitle }) {
  entitle("Jobs");
  const cursor = settings.get("cursor") || "";
  const chosen = new Set();
  const list = h("div", { class: "panel" });
  const compare = button("Compare", () => {
    const [first, ...beside] = [...chosen].sort((a, b) => b - a);
    go(`jobs/${first}`, { beside: beside.join(",") });
  });
  compare.disabled = true;
  compare.title = `Tick two to ${MOST_BESIDE} jobs`;
  page.append(
    heading("Training jobs", compare, h("a", { class: "button main", href: link("jobs/new") }, "New training job")),
    list,
  );
  const draw = (found) => fill(list, found.items.length ? [tableOf(found.items, chosen, compare), turning(found, cursor)] : nothing());
  const asking = `v1/training-jobs?limit=${ON_A_PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`;
  const found = await get(asking, { signal });
  draw(found);
  watch(asking, draw, list, signal, JSON.stringify(found));
}

function watch(asking, draw, list, signal, shown) {
  let last = shown;
  const timer = setInterval(async () => {
    if (document.hidden) return;
    try {
      const found = await get(asking, { signal });
      const seen = JSON.stringify(found);
      if (seen !== last) keepingFocus(list, () => draw(found));
      last = seen;
    } catch (error) {
      if (!signal.aborted) fill(list, problem(error));
      last = ""; // what is shown now is the trouble
    }
  }, LOOK_AGAIN_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
}

function tableOf(jobs, chosen, compare) {
  const tick = (job) =>
    h("input", {
      type: "checkbox",
      "aria-label": `Compare job ${job.id}`,
      checked: chosen.has(job.id),
      onchange: (event) => {
        if (event.target.checked) chosen.add(job.id);
        else chosen.delete(job.id);
        compare.disabled = chosen.size < 2 || chosen.size > MOST_BESIDE;
      },
    });
  return table(
    "Training jobs, newest first",
    COLUMNS,
    jobs.map((job) => [
      tick(job),
      h("a", { href: link(`jobs/${job.id}`) }, job.id),
      badge(job.state),
      progress(job),
      job.model_kind,
      h("span", { class: "clipped", title: as.asked(job) }, as.asked(job)),
      as.number(job.best_epoch),
      job.result?.version ? h("a", { href: link("models", { beside: job.result.version }) }, job.result.version) : as.NOTHING,
      as.time(job.started_at || job.created_at),
      as.duration(as.took(job)),
    ]),
  );
}

function progress(job) {
  if (job.state === "running") {
    const left = job.eta_seconds === null ? "" : `, ${as.duration(job.eta_seconds)} left`;
    return h(
      "span",
      { class: "progress" },
      h("progress", { max: 1, value: job.progress, "aria-label": `Progress of job ${job.id}` }),
      job.epoch === null ? job.phase || "" : `${job.epoch}/${job.epochs}${left}`,
    );
  }
  if (job.state === "failed") return h("span", { class: "clipped", title: job.error?.detail }, job.error?.title || "");
  return h("span", { class: "progress" }, job.epoch === null ? as.NOTHING : `${as.number(job.epoch)} epochs`);
}

function turning(found, cursor) {
  return h(
    "nav",
    { class: "turning", "aria-label": "Pages of the list" },
    cursor && h("a", { class: "button plain", href: link("jobs") }, "Newest"),
    found.next_cursor && h("a", { class: "button plain", href: link("jobs", { cursor: found.next_cursor }) }, "Older"),
  );
}

function nothing() {
  return empty(
    "No training job yet. Bring in ratings, then press “New training job” – or, in a terminal:",
    `${curl("v1/import-jobs")} -F file=@ratings.csv\n${curl("v1/training-jobs", {})}`,
  );
}
