// One training job: live error curves, diagnosis, and hyperparameters chosen from the data.
import { getJson } from "../api.js";
import { h } from "../dom.js";
import { Curve } from "../metrics.js";
import { ComparedJobs } from "../job/compared-jobs.js";
import { JobTables } from "../job/facts.js";
import { Findings } from "../job/findings.js";
import { followJob, throttle } from "../job/live-updates.js";
import { JobHeader } from "../job/header.js";
import { InspectionCharts } from "../job/inspections.js";
import { MetricCharts } from "../job/metric-charts.js";
import { problem, section } from "../components.js";
import { replaceSettings } from "../router.js";

const REFRESH_MS = 1000;
const INSPECT_MS = 3000;
const DIAGNOSE_MS = 60_000;
const FINAL_STATES = ["succeeded", "failed", "cancelled"];

/** Draw the page of a job and follow the job to its end. */
export async function show(page, { which, settings, signal, setTitle, onModelChange }) {
  const address = `v1/training-jobs/${which}`;
  const [job, answer] = await Promise.all([getJson(address, { signal }), getJson(`${address}/error-curve`, { signal })]);
  const curve = new Curve(answer);
  const comparedIds = settings.get("beside") ?? (job.retry_of ? String(job.retry_of) : "");
  const shown = { beside: comparedIds, figures: settings.get("figures") || "", log: settings.get("log") || "" };
  const saveSettings = (changes) => signal.aborted || replaceSettings(`jobs/${job.id}`, Object.assign(shown, changes));

  const header = new JobHeader();
  const facts = new JobTables();
  const compared = new ComparedJobs(job.id, comparedIds.split(",").map(Number).filter(Boolean), {
    signal,
    onChange: () => {
      saveSettings({ beside: compared.ids.join(",") });
      draw();
    },
    onGrow: () => draw(),
  });
  const pins = h("div");
  const charts = new MetricCharts({ chosen: shown.figures ? shown.figures.split(",") : null, isLog: shown.log === "1", onChange: saveSettings, pins });
  const findings = new Findings(job.id, charts.shared);
  pins.append(findings.pins);
  signal.addEventListener("abort", () => {
    charts.close();
    findings.close();
  });

  const draw = () => {
    if (signal.aborted) return;
    compared.drawList();
    charts.show([curve, ...compared.loadedCurves()]);
    facts.show(curve);
  };
  const showJob = (now) => {
    setTitle(`Job ${now.id}, ${now.state}`);
    header.show(now);
    facts.update(now);
  };
  const diagnose = async () => findings.show(await getJson(`${address}/diagnosis`, { signal }));
  const refreshJob = throttle(async () => showJob(await getJson(address, { signal })), REFRESH_MS, signal);
  const diagnoseSoon = throttle(diagnose, REFRESH_MS, signal);

  const inspections = new InspectionCharts(job.id, signal);
  const inspectSoon = throttle(() => inspections.refresh(), INSPECT_MS, signal);

  const curves = section("Error curve", h("div", { class: "tools" }, compared.element, charts.tools), charts.element, facts.element);
  const diagnosis = section("Diagnosis", findings.cards);
  page.append(header.element, h("div", { class: "job" }, h("div", { class: "stack" }, curves, inspections.element), diagnosis));
  showJob(job);
  draw();
  const showError = (error) => signal.aborted || page.append(problem(error));
  compared.start().then(draw, showError);
  diagnose().catch(showError);
  inspections.refresh().catch(showError);
  if (FINAL_STATES.includes(job.state)) return;

  let isScheduled = false;
  const drawSoon = () => {
    if (isScheduled) return;
    isScheduled = true;
    requestAnimationFrame(() => {
      isScheduled = false;
      draw();
    });
  };
  const timer = setInterval(() => document.hidden || diagnoseSoon(), DIAGNOSE_MS); // a job without new epochs is a finding, too
  signal.addEventListener("abort", () => clearInterval(timer));
  const finish = async (last) => {
    clearInterval(timer);
    showJob(last);
    curve.replace(await getJson(`${address}/error-curve`, { signal }));
    draw();
    await Promise.all([diagnose(), inspections.refresh()]);
    onModelChange();
  };
  followJob(
    job.id,
    {
      connection: (isUp) => header.showConnection(isUp),
      epoch: (row) => {
        curve.add(row);
        drawSoon();
        refreshJob();
        diagnoseSoon();
        inspectSoon();
      },
      state: refreshJob,
      finding: diagnoseSoon,
      done: (last) => finish(last).catch(showError),
    },
    signal,
  );
}
