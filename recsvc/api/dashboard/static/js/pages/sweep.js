// One sweep: its trials' curves over each other, what they differ in, and what mattered most.
import { get, post } from "../api.js";
import { LineChart } from "../charts/line-chart.js";
import { Shared } from "../charts/shared-axis.js";
import { fill, h, keepingFocus, say } from "../dom.js";
import { Curve, PICTURES } from "../metrics.js";
import * as as from "../format.js";
import { badge, button, confirmed, heading, section, table } from "../components.js";
import { link } from "../router.js";

const LOOK_AGAIN_MS = 3000;
const OVER = ["succeeded", "failed", "cancelled"];
const PUBLISHING = "Every API process answers with it within a second; no request fails meanwhile. Rolling back undoes it.";
const LEAST_ROOM = 0.005; // above the worst trial, as a share of its figure

/** Draw the page, and look again until the sweep is over. */
export async function show(page, { which, signal, entitle, note }) {
  const title = h("span");
  const actions = h("span", { class: "actions" });
  const about = h("p", { class: "about" });
  const shared = new Shared();
  const curves = new Map();
  const rows = h("div");
  const sensitivity = h("div");
  const hint = h("p", { class: "quiet" });
  let sweep = await get(`v1/sweeps/${which}`, { signal });
  const picture = PICTURES.find((one) => one.figures[0] === sweep.metric);
  const chart = new LineChart(picture.title, shared, { hasLegend: false });
  const log = button("Log scale", () => shared.setLog(!shared.isLog));
  const reset = button("Show all epochs", () => shared.zoom(null));
  let lookedAt = null;
  let isPublished = false;
  let offered = "";

  const drawChart = () => {
    const shown = sweep.trials.filter((one) => curves.has(one.job_id));
    const ends = shown.map((one) => curves.get(one.job_id).epochs.at(-1) || 0);
    shared.reach(0, Math.max(5, ...ends));
    const lines = shown.map((one) => line(one, curves.get(one.job_id), sweep, lookedAt));
    const ceiling = ceilingOf(sweep);
    const isCut = lines.some(({ ys }) => ys.some((value) => value > ceiling));
    chart.show({ lines: lines.sort((a, b) => a.rank - b.rank), ceiling });
    fill(
      hint,
      !isRangeTest(sweep) && "The best trial is in colour. ",
      "Point at a row to see its curve. ",
      isCut && "What goes higher is on the log scale.",
    );
  };
  const look = (jobId) => {
    lookedAt = jobId;
    drawChart();
  };
  const publish = async () => {
    const question = `Let model version ${sweep.best_model_version}, of the best trial, answer?`;
    if (!(await confirmed(question, PUBLISHING, "Publish"))) return;
    await post(`v1/models/${sweep.best_model_version}/publish`);
    say(`Version ${sweep.best_model_version} answers.`);
    isPublished = true;
    note();
    draw();
  };
  const draw = () => {
    entitle(`Sweep ${sweep.id}, ${sweep.state}`);
    fill(title, `Sweep ${sweep.id} `, badge(sweep.state));
    const offers = OVER.includes(sweep.state) ? `${sweep.best_model_version} ${isPublished}` : "cancelling";
    if (offers !== offered) fill(actions, ...actionsOf(sweep, { isPublished, publish }));
    offered = offers; // a button that is just pressed must not be replaced
    fill(about, aboutOf(sweep));
    keepingFocus(rows, () => fill(rows, trials(sweep, look)));
    fill(sensitivity, sweep.sensitivity.length > 0 && !isRangeTest(sweep) && section("What mattered most", bars(sweep.sensitivity)));
    drawChart();
  };
  page.append(heading(title, actions), about, section("Trials", h("div", { class: "tools" }, log, reset), chart.element, hint, rows), sensitivity);
  signal.addEventListener("abort", () => chart.close());
  await readCurves(sweep, curves, signal);
  isPublished = await answers(sweep, signal);
  draw();
  const timer = setInterval(async () => {
    if (OVER.includes(sweep.state)) return clearInterval(timer);
    if (document.hidden) return undefined;
    try {
      sweep = await get(`v1/sweeps/${which}`, { signal });
      await readCurves(sweep, curves, signal);
      isPublished = await answers(sweep, signal);
      draw();
    } catch (error) {
      if (!signal.aborted) console.warn(`Not renewed: ${error.message}`);
    }
    return undefined;
  }, LOOK_AGAIN_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
}

/** Read the curves that are not there in full yet. */
async function readCurves(sweep, curves, signal) {
  const wanted = sweep.trials.filter((one) => one.state !== "queued" && !curves.get(one.job_id)?.isWhole);
  await Promise.all(
    wanted.map(async (one) => {
      const answer = await get(`v1/training-jobs/${one.job_id}/error-curve`, { signal });
      const curve = curves.get(one.job_id) || new Curve(answer);
      curve.take(answer);
      curve.isWhole = OVER.includes(answer.state);
      curves.set(one.job_id, curve);
    }),
  );
}

/** Leave as much room above the worst trial as lies below it: a rate that diverges would press the others into one line. */
function ceilingOf(sweep) {
  const bests = sweep.trials.map((one) => one.best).filter((best) => best !== null);
  if (sweep.metric === "validation_ndcg" || !bests.length) return Infinity;
  const worst = Math.max(...bests);
  return worst + Math.max(worst - Math.min(...bests), LEAST_ROOM * worst);
}

function isRangeTest(sweep) {
  return sweep.kind === "rate_range";
}

/** Whether the model of the best trial is the one that answers. */
async function answers(sweep, signal) {
  return sweep.best_model_version !== null && (await get(`v1/models/${sweep.best_model_version}`, { signal })).published;
}

function actionsOf(sweep, { isPublished, publish }) {
  return [
    !OVER.includes(sweep.state) && button("Cancel", () => cancel(sweep)),
    OVER.includes(sweep.state) && sweep.best_model_version !== null && (isPublished ? badge("published") : button("Publish the best", publish, { kind: "main" })),
  ];
}

function line(trial, curve, sweep, lookedAt) {
  const isBest = isTheBest(trial, sweep);
  const isLookedAt = trial.job_id === lookedAt;
  return {
    key: String(trial.job_id),
    name: `job ${trial.job_id} (${as.asked(trial)})`,
    colour: isLookedAt ? "series-2" : isBest ? "series-1" : "mute",
    isThin: !isBest && !isLookedAt,
    rank: isLookedAt ? 2 : isBest ? 1 : 0,
    xs: curve.epochs,
    ys: curve.values(sweep.metric),
  };
}

function isTheBest(trial, sweep) {
  return trial.job_id === sweep.best_job_id && !isRangeTest(sweep);
}

function trials(sweep, look) {
  const names = [...new Set(sweep.trials.flatMap((one) => Object.keys(one.hyperparameters)))];
  const columns = [{ title: "Job", numeric: true }, ...names.map((title) => ({ title, numeric: sweep.trials.every((one) => typeof one.hyperparameters[title] === "number") })), { title: "Best", numeric: true }, { title: "State" }, { title: "Best epoch", numeric: true, minor: true }, { title: "Epochs", numeric: true, minor: true }];
  const row = (one) => ({
    attributes: {
      class: isTheBest(one, sweep) ? "best" : null,
      onpointerenter: () => look(one.job_id),
      onpointerleave: () => look(null),
      onfocusin: () => look(one.job_id),
      onfocusout: () => look(null),
    },
    cells: [
      h("a", { href: link(`jobs/${one.job_id}`, { beside: sweep.best_job_id === one.job_id ? "" : sweep.best_job_id }) }, one.job_id),
      ...names.map((name) => (one.hyperparameters[name] === undefined ? as.NOTHING : as.plain(one.hyperparameters[name]))),
      as.figure(one.best),
      one.stopped_early ? h("span", { class: "badge" }, "stopped early") : badge(one.state),
      as.number(one.best_epoch),
      as.number(one.epochs),
    ],
  });
  return table("Trials", columns, sweep.trials.map(row));
}

function bars(sensitivity) {
  return h(
    "ul",
    { class: "bars named" },
    sensitivity.map(({ hyperparameter, share }) =>
      h(
        "li",
        {},
        h("span", { class: "bar-name" }, hyperparameter),
        h("span", { class: "bar-room" }, h("span", { class: "bar-length", style: { width: `${100 * share}%` } })),
        h("span", { class: "bar-value" }, `${as.percent(share)} of the spread`),
      ),
    ),
  );
}

function aboutOf(sweep) {
  const over = sweep.trials.filter((one) => OVER.includes(one.state)).length;
  return [
    `${as.words(sweep.kind)} of ${sweep.trials.length} trials, ${over} of them over`,
    sweep.best_job_id && !isRangeTest(sweep) && [" · best: ", h("a", { href: link(`jobs/${sweep.best_job_id}`) }, `job ${sweep.best_job_id}`)],
    sweep.suggestion && suggested(sweep.suggestion),
    sweep.best_model_version && [", ", h("a", { href: link("models", { beside: sweep.best_model_version }) }, `model version ${sweep.best_model_version}`)],
  ];
}

function suggested({ learning_rate: rate, falls_from: from, falls_to: to, diverges_at: ends }) {
  const rises = ends === null ? "" : `, and rises from ${as.plain(ends)} on`;
  return ` · the loss falls at learning rates from ${as.plain(from)} to ${as.plain(to)}${rises}; suggested: ${as.plain(rate)}`;
}

async function cancel(sweep) {
  if (!(await confirmed(`Cancel sweep ${sweep.id}?`, "Its jobs stop within two seconds; what they have measured stays.", "Cancel the sweep"))) return;
  await post(`v1/sweeps/${sweep.id}/cancel`);
  say(`Sweep ${sweep.id} is being cancelled.`);
}
