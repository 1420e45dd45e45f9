// One training job: its error curves as they grow, what the diagnosis says, what was decided.
import { get } from "../api.js";
import { h } from "../dom.js";
import { Curve } from "../metrics.js";
import { Beside } from "../job/compared-jobs.js";
import { Facts } from "../job/facts.js";
import { Findings } from "../job/findings.js";
import { follow, seldom } from "../job/live-updates.js";
import { Head } from "../job/header.js";
import { Monitors } from "../job/inspections.js";
import { Pictures } from "../job/metric-charts.js";
import { problem, section } from "../components.js";
import { note } from "../router.js";

const RENEW_MS = 1000;
const WATCH_MS = 3000;
const DIAGNOSE_MS = 60_000;
const OVER = ["succeeded", "failed", "cancelled"];

/** Draw the page of a job and follow the job to its end. */
export async function show(page, { which, settings, signal, entitle, note: modelChanged }) {
  const address = `v1/training-jobs/${which}`;
  const [job, answer] = await Promise.all([get(address, { signal }), get(`${address}/error-curve`, { signal })]);
  const curve = new Curve(answer);
  const asked = settings.get("beside") ?? (job.retry_of ? String(job.retry_of) : "");
  const seen = { beside: asked, figures: settings.get("figures") || "", log: settings.get("log") || "" };
  const noted = (changes) => signal.aborted || note(`jobs/${job.id}`, Object.assign(seen, changes));

  const head = new Head();
  const facts = new Facts();
  const beside = new Beside(job.id, asked.split(",").map(Number).filter(Boolean), {
    signal,
    changed: () => {
      noted({ beside: beside.ids.join(",") });
      draw();
    },
    grown: () => draw(),
  });
  const pins = h("div");
  const pictures = new Pictures({ chosen: seen.figures ? seen.figures.split(",") : null, isLog: seen.log === "1", noted, pinned: pins });
  const findings = new Findings(job.id, pictures.shared);
  pins.append(findings.pins);
  signal.addEventListener("abort", () => {
    pictures.close();
    findings.close();
  });

  const draw = () => {
    if (signal.aborted) return;
    beside.drawPlaces();
    pictures.show([curve, ...beside.all()]);
    facts.show(curve);
  };
  const told = (now) => {
    entitle(`Job ${now.id}, ${now.state}`);
    head.show(now);
    facts.tell(now);
  };
  const diagnose = async () => findings.show(await get(`${address}/diagnosis`, { signal }));
  const renew = seldom(async () => told(await get(address, { signal })), RENEW_MS, signal);
  const diagnoseSoon = seldom(diagnose, RENEW_MS, signal);

  const monitors = new Monitors(job.id, signal);
  const watchSoon = seldom(() => monitors.renew(), WATCH_MS, signal);

  const curves = section("Error curve", h("div", { class: "tools" }, beside.element, pictures.tools), pictures.element, facts.element);
  const diagnosis = section("Diagnosis", findings.cards);
  page.append(head.element, h("div", { class: "job" }, h("div", { class: "stack" }, curves, monitors.element), diagnosis));
  told(job);
  draw();
  const troubles = (error) => signal.aborted || page.append(problem(error));
  beside.begin().then(draw, troubles);
  diagnose().catch(troubles);
  monitors.renew().catch(troubles);
  if (OVER.includes(job.state)) return;

  let isWaiting = false;
  const drawSoon = () => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      draw();
    });
  };
  const asking = setInterval(() => document.hidden || diagnoseSoon(), DIAGNOSE_MS); // that nothing comes is a finding, too
  signal.addEventListener("abort", () => clearInterval(asking));
  const finish = async (last) => {
    clearInterval(asking);
    told(last);
    curve.take(await get(`${address}/error-curve`, { signal }));
    draw();
    await Promise.all([diagnose(), monitors.renew()]);
    modelChanged();
  };
  follow(
    job.id,
    {
      line: (isUp) => head.connected(isUp),
      epoch: (row) => {
        curve.add(row);
        drawSoon();
        renew();
        diagnoseSoon();
        watchSoon();
      },
      state: renew,
      finding: diagnoseSoon,
      done: (last) => finish(last).catch(troubles),
    },
    signal,
  );
}
