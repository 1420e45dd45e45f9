// The top of a job's page: its state, how far it is, what it belongs to, and stopping it.
import { post } from "../api.js";
import { settingsOf } from "../forms.js";
import { fill, h, say } from "../dom.js";
import * as as from "../format.js";
import { badge, button, confirmed, heading } from "../components.js";
import { link } from "../router.js";

/** The head of a job's page. */
export class Head {
  constructor() {
    this.title = h("span");
    this.actions = h("span", { class: "actions" });
    this.progress = h("div", { class: "underway" });
    this.about = h("p", { class: "about" });
    this.line = h("p", { class: "quiet", role: "status" });
    this.element = h("div", { class: "head" }, heading(this.title, this.actions), this.about, this.progress, this.line);
  }

  /** Show the job as it is now. */
  show(job) {
    fill(this.title, `Training job ${job.id} `, badge(job.state));
    const isOver = ["succeeded", "failed", "cancelled"].includes(job.state);
    if (this.state !== `${job.state} ${job.cancel_requested}`) {
      this.state = `${job.state} ${job.cancel_requested}`;
      fill(this.actions, !isOver && !job.cancel_requested && button("Cancel", () => cancel(job)), sweeping(job));
      fill(this.about, aboutOf(job));
    }
    fill(this.progress, !isOver && bar(job), isOver && outcome(job), isOver && way(job));
  }

  /** Tell whether news come in. */
  connected(isUp) {
    fill(this.line, isUp ? "" : "The line is down; trying again …");
  }
}

async function cancel(job) {
  if (!(await confirmed(`Cancel job ${job.id}?`, "It stops within two seconds. Its error curve stays; no model comes of it.", "Cancel the job"))) return;
  await post(`v1/training-jobs/${job.id}/cancel`);
  say(`Job ${job.id} is being cancelled.`);
}

function sweeping(job) {
  return h("a", { class: "button plain", href: link("sweeps/new", settingsOf(job)) }, "New sweep from this");
}

function to(id) {
  return h("a", { href: link(`jobs/${id}`) }, `job ${id}`);
}

function aboutOf(job) {
  return [
    `${job.model_kind}, seed ${job.seed} · ${as.asked(job)}`,
    job.retry_of && [" · tries ", to(job.retry_of), " again"],
    job.trying && ` · autopilot tries ${job.trying.hyperparameter} ${as.plain(job.trying.from)} → ${as.plain(job.trying.to)}`,
    job.tried.map((one) => [` · ${one.kept ? "kept" : "undid"} ${one.hyperparameter} ${as.plain(one.to)} of `, to(one.job_id)]),
  ];
}

function way(job) {
  if (job.next_job_id) return h("p", {}, "Autopilot goes on in ", to(job.next_job_id), ".");
  if (!job.autopilot_end) return null;
  const { because, best_job_id: best } = job.autopilot_end;
  return h("p", {}, `Autopilot has ended: ${because}. `, best && ["The best of its jobs is ", best === job.id ? "this one" : to(best), "."]);
}

function bar(job) {
  const epochs = job.epoch === null ? "" : `epoch ${job.epoch} of ${job.epochs}`;
  const left = job.eta_seconds === null ? "" : `${as.duration(job.eta_seconds)} left`;
  const waits = job.state === "queued" ? "waiting for a worker" : job.phase;
  return [
    h("progress", { max: 1, value: job.state === "queued" ? 0 : job.progress, "aria-label": "Progress" }),
    h("span", {}, [job.cancel_requested ? "being cancelled" : waits, epochs, left].filter(Boolean).join(" · ")),
  ];
}

function outcome(job) {
  const spent = job.started_at ? `Took ${as.duration(as.took(job))}. ` : "";
  if (job.state === "failed") {
    return h("div", { class: "problem", role: "alert" }, h("strong", {}, job.error?.title || "It failed"), h("p", {}, job.error?.detail || ""), h("p", { class: "quiet" }, spent));
  }
  if (job.state === "cancelled") return h("p", {}, `${spent}Cancelled: no model came of it.`);
  const { version, published, reason } = job.result || {};
  return h(
    "p",
    {},
    spent,
    version && ["It made ", h("a", { href: link("models", { beside: version }) }, `model version ${version}`), published ? ", published" : ", not published", reason ? `: ${reason}.` : "."],
    (job.result?.warnings || []).map((one) => h("span", { class: "warned" }, ` ${one}`)),
  );
}
