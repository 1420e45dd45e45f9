// One sweep: curves of the trials, table of trials and sensitivity.
import { getJson, postJson } from "../api.js";
import { LineChart } from "../charts/line-chart.js";
import { SharedAxis } from "../charts/shared-axis.js";
import { announce, h, redrawKeepingFocus, setChildren } from "../dom.js";
import { CHARTS, Curve } from "../metrics.js";
import * as format from "../format.js";
import { badge, button, confirmAction, heading, section, table } from "../components.js";
import { link } from "../router.js";

const POLL_MS = 3000;
const FINAL_STATES = ["succeeded", "failed", "cancelled"];
const PUBLISHING = "Every API process serves it within a second, without failed requests. Roll back to undo.";
const MIN_HEADROOM = 0.005; // above the worst trial, as a share of its best value

/** Draw the page and refresh it until the sweep has finished. */
export async function show(page, { which, signal, setTitle, onModelChange }) {
  const title = h("span");
  const actions = h("span", { class: "actions" });
  const about = h("p", { class: "about" });
  const shared = new SharedAxis();
  const curves = new Map();
  const rows = h("div");
  const sensitivity = h("div");
  const hint = h("p", { class: "quiet" });
  let sweep = await getJson(`v1/sweeps/${which}`, { signal });
  const chartSpec = CHARTS.find((one) => one.metrics[0] === sweep.metric);
  const chart = new LineChart(chartSpec.title, shared, { hasLegend: false });
  const log = button("Log scale", () => shared.setLog(!shared.isLog));
  const reset = button("Show all epochs", () => shared.zoom(null));
  let highlighted = null;
  let isPublished = false;
  let drawnActionState = "";

  const drawChart = () => {
    const shown = sweep.trials.filter((one) => curves.has(one.job_id));
    const ends = shown.map((one) => curves.get(one.job_id).epochs.at(-1) || 0);
    shared.setRange(0, Math.max(5, ...ends));
    const lines = shown.map((one) => trialLine(one, curves.get(one.job_id), sweep, highlighted));
    const ceiling = chartCeiling(sweep);
    const isCut = lines.some(({ ys }) => ys.some((value) => value > ceiling));
    chart.show({ lines: lines.sort((a, b) => a.rank - b.rank), ceiling });
    setChildren(
      hint,
      !isRangeTest(sweep) && "The best trial is in colour. ",
      "Point at a row to highlight its curve. ",
      isCut && "Values above the chart appear on the log scale.",
    );
  };
  const highlight = (jobId) => {
    highlighted = jobId;
    drawChart();
  };
  const publish = async () => {
    const question = `Publish model version ${sweep.best_model_version} of the best trial?`;
    if (!(await confirmAction(question, PUBLISHING, "Publish"))) return;
    await postJson(`v1/models/${sweep.best_model_version}/publish`);
    announce(`Version ${sweep.best_model_version} is published.`);
    isPublished = true;
    onModelChange();
    draw();
  };
  const draw = () => {
    setTitle(`Sweep ${sweep.id}, ${sweep.state}`);
    setChildren(title, `Sweep ${sweep.id} `, badge(sweep.state));
    const actionState = FINAL_STATES.includes(sweep.state) ? `${sweep.best_model_version} ${isPublished}` : "cancelling";
    if (actionState !== drawnActionState) setChildren(actions, ...actionsOf(sweep, { isPublished, publish }));
    drawnActionState = actionState; // a button must not be replaced while it is pressed
    setChildren(about, summary(sweep));
    redrawKeepingFocus(rows, () => setChildren(rows, trialTable(sweep, highlight)));
    setChildren(sensitivity, sweep.sensitivity.length > 0 && !isRangeTest(sweep) && section("Sensitivity", sensitivityBars(sweep.sensitivity)));
    drawChart();
  };
  page.append(heading(title, actions), about, section("Trials", h("div", { class: "tools" }, log, reset), chart.element, hint, rows), sensitivity);
  signal.addEventListener("abort", () => chart.close());
  await readCurves(sweep, curves, signal);
  isPublished = await isBestPublished(sweep, signal);
  draw();
  const timer = setInterval(async () => {
    if (FINAL_STATES.includes(sweep.state)) return clearInterval(timer);
    if (document.hidden) return undefined;
    try {
      sweep = await getJson(`v1/sweeps/${which}`, { signal });
      await readCurves(sweep, curves, signal);
      isPublished = await isBestPublished(sweep, signal);
      draw();
    } catch (error) {
      if (!signal.aborted) console.warn(`Update failed: ${error.message}`);
    }
    return undefined;
  }, POLL_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
}

/** Read the curves that are not complete. */
async function readCurves(sweep, curves, signal) {
  const wanted = sweep.trials.filter((one) => one.state !== "queued" && !curves.get(one.job_id)?.isComplete);
  await Promise.all(
    wanted.map(async (one) => {
      const answer = await getJson(`v1/training-jobs/${one.job_id}/error-curve`, { signal });
      const curve = curves.get(one.job_id) || new Curve(answer);
      curve.replace(answer);
      curve.isComplete = FINAL_STATES.includes(answer.state);
      curves.set(one.job_id, curve);
    }),
  );
}

/** Return the value at which curves are cut off: without it, a diverging trial would flatten all others. */
function chartCeiling(sweep) {
  const bests = sweep.trials.map((one) => one.best).filter((best) => best !== null);
  if (sweep.metric === "validation_ndcg" || !bests.length) return Infinity;
  const worst = Math.max(...bests);
  return worst + Math.max(worst - Math.min(...bests), MIN_HEADROOM * worst);
}

function isRangeTest(sweep) {
  return sweep.kind === "rate_range";
}

/** Return whether the model of the best trial is published. */
async function isBestPublished(sweep, signal) {
  return sweep.best_model_version !== null && (await getJson(`v1/models/${sweep.best_model_version}`, { signal })).published;
}

function actionsOf(sweep, { isPublished, publish }) {
  return [
    !FINAL_STATES.includes(sweep.state) && button("Cancel", () => cancel(sweep)),
    FINAL_STATES.includes(sweep.state) && sweep.best_model_version !== null && (isPublished ? badge("published") : button("Publish best model", publish, { kind: "main" })),
  ];
}

function trialLine(trial, curve, sweep, highlighted) {
  const isBest = isBestTrial(trial, sweep);
  const isHighlighted = trial.job_id === highlighted;
  return {
    key: String(trial.job_id),
    name: `job ${trial.job_id} (${format.parameters(trial)})`,
    colour: isHighlighted ? "series-2" : isBest ? "series-1" : "mute",
    isThin: !isBest && !isHighlighted,
    rank: isHighlighted ? 2 : isBest ? 1 : 0,
    xs: curve.epochs,
    ys: curve.values(sweep.metric),
  };
}

function isBestTrial(trial, sweep) {
  return trial.job_id === sweep.best_job_id && !isRangeTest(sweep);
}

function trialTable(sweep, highlight) {
  const names = [...new Set(sweep.trials.flatMap((one) => Object.keys(one.hyperparameters)))];
  const columns = [{ title: "Job", numeric: true }, ...names.map((title) => ({ title, numeric: sweep.trials.every((one) => typeof one.hyperparameters[title] === "number") })), { title: "Best", numeric: true }, { title: "State" }, { title: "Best epoch", numeric: true, minor: true }, { title: "Epochs", numeric: true, minor: true }];
  const row = (one) => ({
    attributes: {
      class: isBestTrial(one, sweep) ? "best" : null,
      onpointerenter: () => highlight(one.job_id),
      onpointerleave: () => highlight(null),
      onfocusin: () => highlight(one.job_id),
      onfocusout: () => highlight(null),
    },
    cells: [
      h("a", { href: link(`jobs/${one.job_id}`, { beside: sweep.best_job_id === one.job_id ? "" : sweep.best_job_id }) }, one.job_id),
      ...names.map((name) => (one.hyperparameters[name] === undefined ? format.MISSING : format.value(one.hyperparameters[name]))),
      format.metric(one.best),
      one.stopped_early ? h("span", { class: "badge" }, "stopped early") : badge(one.state),
      format.number(one.best_epoch),
      format.number(one.epochs),
    ],
  });
  return table("Trials", columns, sweep.trials.map(row));
}

function sensitivityBars(sensitivity) {
  return h(
    "ul",
    { class: "bars named" },
    sensitivity.map(({ hyperparameter, share }) =>
      h(
        "li",
        {},
        h("span", { class: "bar-name" }, hyperparameter),
        h("span", { class: "bar-room" }, h("span", { class: "bar-length", style: { width: `${100 * share}%` } })),
        h("span", { class: "bar-value" }, `${format.percent(share)} of the variance`),
      ),
    ),
  );
}

function summary(sweep) {
  const nFinished = sweep.trials.filter((one) => FINAL_STATES.includes(one.state)).length;
  return [
    `${format.readableName(sweep.kind)}, ${nFinished} of ${sweep.trials.length} trials finished`,
    sweep.best_job_id && !isRangeTest(sweep) && [" · best trial: ", h("a", { href: link(`jobs/${sweep.best_job_id}`) }, `job ${sweep.best_job_id}`)],
    sweep.suggestion && suggestionText(sweep.suggestion),
    sweep.best_model_version && [", ", h("a", { href: link("models", { beside: sweep.best_model_version }) }, `model version ${sweep.best_model_version}`)],
  ];
}

function suggestionText({ learning_rate: rate, falls_from: from, falls_to: to, diverges_at: ends }) {
  const rises = ends === null ? "" : ` and increases from ${format.value(ends)}`;
  return ` · the loss decreases at learning rates from ${format.value(from)} to ${format.value(to)}${rises}. Suggested: ${format.value(rate)}`;
}

async function cancel(sweep) {
  if (!(await confirmAction(`Cancel sweep ${sweep.id}?`, "Its jobs stop within two seconds. Their error curves are kept.", "Cancel the sweep"))) return;
  await postJson(`v1/sweeps/${sweep.id}/cancel`);
  announce(`Sweep ${sweep.id} is stopping.`);
}
