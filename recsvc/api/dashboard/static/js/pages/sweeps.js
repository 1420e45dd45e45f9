// The list of sweeps with their best trials.
import { getJson } from "../api.js";
import { h, setChildren } from "../dom.js";
import * as format from "../format.js";
import { badge, curlCommand, emptyState, heading, table } from "../components.js";
import { link } from "../router.js";

const COLUMNS = [
  { title: "Sweep", numeric: true },
  { title: "State" },
  { title: "Kind" },
  { title: "Trials", numeric: true },
  { title: "Finished", numeric: true, minor: true },
  { title: "Best", numeric: true },
  { title: "Best job", numeric: true },
  { title: "Created", minor: true },
];

/** Draw the page. */
export async function show(page, { settings, signal, setTitle }) {
  setTitle("Sweeps");
  const cursor = settings.get("cursor");
  const list = h("div", { class: "panel" });
  page.append(heading("Sweeps", h("a", { class: "button main", href: link("sweeps/new") }, "New sweep")), list);
  const found = await getJson(`v1/sweeps?limit=50${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`, { signal });
  if (!found.items.length) {
    setChildren(list, emptyState("No sweeps. Press “New sweep”, or use a terminal:", curlCommand("v1/sweeps", { grid: { learning_rate: [0.002, 0.006, 0.02] } })));
    return;
  }
  setChildren(
    list,
    table("Sweeps, newest first", COLUMNS, found.items.map(row)),
    found.next_cursor && h("p", {}, h("a", { class: "button plain", href: link("sweeps", { cursor: found.next_cursor }) }, "Older")),
  );
}

function row(sweep) {
  const nFinished = sweep.trials.filter((one) => !["queued", "running"].includes(one.state)).length;
  const best = sweep.trials.find((one) => one.job_id === sweep.best_job_id);
  return [
    h("a", { href: link(`sweeps/${sweep.id}`) }, sweep.id),
    badge(sweep.state),
    format.readableName(sweep.kind),
    sweep.trials.length,
    nFinished,
    format.metric(best?.best),
    best ? h("a", { href: link(`jobs/${best.job_id}`) }, best.job_id) : format.MISSING,
    format.time(sweep.created_at),
  ];
}
