// All sweeps: many training jobs each, of which the best is told.
import { get } from "../api.js";
import { fill, h } from "../dom.js";
import * as as from "../format.js";
import { badge, curl, empty, heading, table } from "../components.js";
import { link } from "../router.js";

const COLUMNS = [
  { title: "Sweep", numeric: true },
  { title: "State" },
  { title: "Kind" },
  { title: "Trials", numeric: true },
  { title: "Over", numeric: true, minor: true },
  { title: "Best", numeric: true },
  { title: "Best job", numeric: true },
  { title: "Began", minor: true },
];

/** Draw the page. */
export async function show(page, { settings, signal, entitle }) {
  entitle("Sweeps");
  const cursor = settings.get("cursor");
  const list = h("div", { class: "panel" });
  page.append(heading("Sweeps", h("a", { class: "button main", href: link("sweeps/new") }, "New sweep")), list);
  const found = await get(`v1/sweeps?limit=50${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`, { signal });
  if (!found.items.length) {
    fill(list, empty("No sweep yet: several jobs that differ in what is to be compared. Press “New sweep” – or, in a terminal:", curl("v1/sweeps", { grid: { learning_rate: [0.002, 0.006, 0.02] } })));
    return;
  }
  fill(
    list,
    table("Sweeps, newest first", COLUMNS, found.items.map(row)),
    found.next_cursor && h("p", {}, h("a", { class: "button plain", href: link("sweeps", { cursor: found.next_cursor }) }, "Older")),
  );
}

function row(sweep) {
  const over = sweep.trials.filter((one) => !["queued", "running"].includes(one.state)).length;
  const best = sweep.trials.find((one) => one.job_id === sweep.best_job_id);
  return [
    h("a", { href: link(`sweeps/${sweep.id}`) }, sweep.id),
    badge(sweep.state),
    as.words(sweep.kind),
    sweep.trials.length,
    over,
    as.figure(best?.best),
    best ? h("a", { href: link(`jobs/${best.job_id}`) }, best.job_id) : as.NOTHING,
    as.time(sweep.created_at),
  ];
}
