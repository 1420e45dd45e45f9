// Header of a job's page: state, progress, related jobs and the cancel button.
import { postJson } from "../api.js";
import { requestSettings } from "../forms.js";
import { announce, h, setChildren } from "../dom.js";
import * as format from "../format.js";
import { badge, button, confirmAction, heading } from "../components.js";
import { link } from "../router.js";

/** The header of a job's page. */
export class JobHeader {
  constructor() {
    this.title = h("span");
    this.actions = h("span", { class: "actions" });
    this.progress = h("div", { class: "underway" });
    this.about = h("p", { class: "about" });
    this.connection = h("p", { class: "quiet", role: "status" });
    this.element = h("div", { class: "head" }, heading(this.title, this.actions), this.about, this.progress, this.connection);
  }

  /** Show the current state of the job. */
  show(job) {
    setChildren(this.title, `Training job ${job.id} `, badge(job.state));
    const isOver = ["succeeded", "failed", "cancelled"].includes(job.state);
    if (this.state !== `${job.state} ${job.cancel_requested}`) {
      this.state = `${job.state} ${job.cancel_requested}`;
      setChildren(this.actions, !isOver && !job.cancel_requested && button("Cancel", () => cancel(job)), sweepLink(job));
      setChildren(this.about, aboutOf(job));
    }
    setChildren(this.progress, !isOver && bar(job), isOver && outcome(job), isOver && autopilotOutcome(job));
  }

  /** Show whether the event stream is connected. */
  showConnection(isUp) {
    setChildren(this.connection, isUp ? "" : "Connection lost; reconnecting …");
  }
}

async function cancel(job) {
  if (!(await confirmAction(`Cancel job ${job.id}?`, "It stops within two seconds. Its error curve is kept; no model version is created.", "Cancel the job"))) return;
  await postJson(`v1/training-jobs/${job.id}/cancel`);
  announce(`Job ${job.id} is stopping.`);
}

function sweepLink(job) {
  return h("a", { class: "button plain", href: link("sweeps/new", requestSettings(job)) }, "New sweep from this job");
}

function jobLink(id) {
  return h("a", { href: link(`jobs/${id}`) }, `job ${id}`);
}

function aboutOf(job) {
  return [
    `${job.model_kind}, seed ${job.seed} · ${format.parameters(job)}`,
    job.retry_of && [" · retry of ", jobLink(job.retry_of)],
    job.trying && ` · autopilot tries ${job.trying.hyperparameter} ${format.value(job.trying.from)} → ${format.value(job.trying.to)}`,
    job.tried.map((one) => [` · ${one.kept ? "kept" : "undone"} ${one.hyperparameter} ${format.value(one.to)} from `, jobLink(one.job_id)]),
  ];
}

function autopilotOutcome(job) {
  if (job.next_job_id) return h("p", {}, "Autopilot continues with ", jobLink(job.next_job_id), ".");
  if (!job.autopilot_end) return null;
  const { because, best_job_id: best } = job.autopilot_end;
  return h("p", {}, `Autopilot ended: ${because}. `, best && ["The best job is ", best === job.id ? "this job" : jobLink(best), "."]);
}

function bar(job) {
  const epochs = job.epoch === null ? "" : `epoch ${job.epoch} of ${job.epochs}`;
  const left = job.eta_seconds === null ? "" : `${format.duration(job.eta_seconds)} left`;
  const phase = job.state === "queued" ? "waiting for a worker" : job.phase;
  return [
    h("progress", { max: 1, value: job.state === "queued" ? 0 : job.progress, "aria-label": "Progress" }),
    h("span", {}, [job.cancel_requested ? "stopping" : phase, epochs, left].filter(Boolean).join(" · ")),
  ];
}

function outcome(job) {
  const duration = job.started_at ? `Duration: ${format.duration(format.elapsedSeconds(job))}. ` : "";
  if (job.state === "failed") {
    return h("div", { class: "problem", role: "alert" }, h("strong", {}, job.error?.title || "Training failed"), h("p", {}, job.error?.detail || ""), h("p", { class: "quiet" }, duration));
  }
  if (job.state === "cancelled") return h("p", {}, `${duration}No model version was created.`);
  const { version, published, reason } = job.result || {};
  return h(
    "p",
    {},
    duration,
    version && [h("a", { href: link("models", { beside: version }) }, `Model version ${version}`), published ? " is published" : " is not published", reason ? `: ${reason}.` : "."],
    (job.result?.warnings || []).map((one) => h("span", { class: "warned" }, ` ${one}`)),
  );
}
