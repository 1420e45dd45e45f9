// The list of training jobs, newest first, with paging; it is refreshed while it is visible.
import { getJson } from "../api.js";
import { h, redrawKeepingFocus, setChildren } from "../dom.js";
import * as format from "../format.js";
import { badge, button, curlCommand, emptyState, heading, problem, table } from "../components.js";
import { link, navigate } from "../router.js";

const PAGE_SIZE = 50;
const POLL_MS = 2000;
const MAX_COMPARED = 8;
const COLUMNS = [
  { title: "Compare", isHidden: true },
  { title: "Job", numeric: true },
  { title: "State" },
  { title: "Progress" },
  { title: "Kind", minor: true },
  { title: "Parameters", minor: true, rest: true },
  { title: "Best epoch", numeric: true, minor: true },
  { title: "Model", numeric: true },
  { title: "Started", minor: true },
  { title: "Duration", numeric: true, minor: true },
];

/** Draw the page; `settings.cursor` is the position in the list. */
export async function show(page, { settings, signal, setTitle }) {
  setTitle("Jobs");
  const cursor = settings.get("cursor") || "";
  const chosen = new Set();
  const list = h("div", { class: "panel" });
  const compare = button("Compare", () => {
    const [first, ...beside] = [...chosen].sort((a, b) => b - a);
    navigate(`jobs/${first}`, { beside: beside.join(",") });
  });
  compare.disabled = true;
  compare.title = `Select two to ${MAX_COMPARED} jobs`;
  page.append(
    heading("Training jobs", compare, h("a", { class: "button main", href: link("jobs/new") }, "New training job")),
    list,
  );
  const draw = (found) => setChildren(list, found.items.length ? [jobTable(found.items, chosen, compare), pageLinks(found, cursor)] : noJobs());
  const query = `v1/training-jobs?limit=${PAGE_SIZE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`;
  const found = await getJson(query, { signal });
  draw(found);
  poll(query, draw, list, signal, JSON.stringify(found));
}

function poll(query, draw, list, signal, shown) {
  let last = shown;
  const timer = setInterval(async () => {
    if (document.hidden) return;
    try {
      const found = await getJson(query, { signal });
      const seen = JSON.stringify(found);
      if (seen !== last) redrawKeepingFocus(list, () => draw(found));
      last = seen;
    } catch (error) {
      if (!signal.aborted) setChildren(list, problem(error));
      last = ""; // redraw after the error
    }
  }, POLL_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
}

function jobTable(jobs, chosen, compare) {
  const tick = (job) =>
    h("input", {
      type: "checkbox",
      "aria-label": `Compare job ${job.id}`,
      checked: chosen.has(job.id),
      onchange: (event) => {
        if (event.target.checked) chosen.add(job.id);
        else chosen.delete(job.id);
        compare.disabled = chosen.size < 2 || chosen.size > MAX_COMPARED;
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
      h("span", { class: "clipped", title: format.parameters(job) }, format.parameters(job)),
      format.number(job.best_epoch),
      job.result?.version ? h("a", { href: link("models", { beside: job.result.version }) }, job.result.version) : format.MISSING,
      format.time(job.started_at || job.created_at),
      format.duration(format.elapsedSeconds(job)),
    ]),
  );
}

function progress(job) {
  if (job.state === "running") {
    const left = job.eta_seconds === null ? "" : `, ${format.duration(job.eta_seconds)} left`;
    return h(
      "span",
      { class: "progress" },
      h("progress", { max: 1, value: job.progress, "aria-label": `Progress of job ${job.id}` }),
      job.epoch === null ? job.phase || "" : `${job.epoch}/${job.epochs}${left}`,
    );
  }
  if (job.state === "failed") return h("span", { class: "clipped", title: job.error?.detail }, job.error?.title || "");
  return h("span", { class: "progress" }, job.epoch === null ? format.MISSING : `${format.number(job.epoch)} epochs`);
}

function pageLinks(found, cursor) {
  return h(
    "nav",
    { class: "page-links", "aria-label": "Pages of the list" },
    cursor && h("a", { class: "button plain", href: link("jobs") }, "Newest"),
    found.next_cursor && h("a", { class: "button plain", href: link("jobs", { cursor: found.next_cursor }) }, "Older"),
  );
}

function noJobs() {
  return emptyState(
    "No training jobs. Import ratings, then press “New training job”, or use a terminal:",
    `${curlCommand("v1/import-jobs")} -F file=@ratings.csv\n${curlCommand("v1/training-jobs", {})}`,
  );
}
