// Other jobs in the charts of a job: adding and removing them, and their curves.
import { getJson, Problem } from "../api.js";
import { h, setChildren } from "../dom.js";
import { problem } from "../components.js";
import { link } from "../router.js";
import { Curve } from "../metrics.js";
import { colourOf } from "./metric-charts.js";

const MAX_COMPARED = 8;
const POLL_MS = 3000;
const FINAL_STATES = ["succeeded", "failed", "cancelled"];

/**
 * The jobs that the job of the page is compared with. `onChange()` is called when jobs are added or
 * removed, `onGrow()` when their curves have new epochs.
 */
export class ComparedJobs {
  constructor(jobId, ids, { onChange, onGrow, signal }) {
    this.jobId = jobId;
    this.ids = ids.filter((id) => id !== jobId).slice(0, MAX_COMPARED - 1);
    this.curves = new Map();
    this.complete = new Set();
    this.onChange = onChange;
    this.onGrow = onGrow;
    this.signal = signal;
    this.list = h("ul", { class: "compared-jobs" });
    this.messages = h("div");
    this.element = h("div", { class: "chips" }, this.list, this.form(), this.messages);
    signal.addEventListener("abort", () => clearTimeout(this.timer));
  }

  form() {
    const field = h("input", { type: "number", min: "1", step: "1", required: true, "aria-label": "Number of the job to compare with", placeholder: "job", class: "short" });
    return h(
      "form",
      {
        class: "inline",
        onsubmit: async (event) => {
          event.preventDefault();
          const id = Number(field.value);
          if (id === this.jobId || this.ids.includes(id) || this.ids.length >= MAX_COMPARED - 1) return;
          setChildren(this.messages);
          try {
            await this.load(id);
            this.ids.push(id);
            field.value = "";
            this.onChange();
          } catch (error) {
            if (!this.signal.aborted) setChildren(this.messages, problem(error));
          }
        },
      },
      field,
      h("button", { class: "button plain" }, "Compare with job"),
    );
  }

  /** Read all curves; a job that cannot be read is removed, with an error message. */
  async start() {
    const ids = this.ids;
    const read = await Promise.allSettled(ids.map((id) => this.load(id)));
    this.ids = ids.filter((_, n) => read[n].status === "fulfilled");
    const failed = read.find((one) => one.status === "rejected" && one.reason instanceof Problem);
    if (failed) setChildren(this.messages, problem(failed.reason));
    this.poll();
  }

  async load(id) {
    const answer = await getJson(`v1/training-jobs/${id}/error-curve`, { signal: this.signal });
    const known = this.curves.get(id);
    if (known) known.replace(answer);
    else this.curves.set(id, new Curve(answer));
    if (FINAL_STATES.includes(answer.state)) this.complete.add(id);
  }

  /** Read unfinished curves repeatedly until the page is left. */
  poll() {
    if (this.signal.aborted) return;
    this.timer = setTimeout(async () => {
      const growing = this.ids.filter((id) => !this.complete.has(id));
      await Promise.allSettled(growing.map((id) => this.load(id))); // a failed request is repeated at the next poll
      if (this.signal.aborted) return;
      if (growing.length) this.onGrow();
      this.poll();
    }, POLL_MS);
  }

  /** Return the curves in the order of `ids`. */
  loadedCurves() {
    return this.ids.map((id) => this.curves.get(id)).filter(Boolean);
  }

  /** Draw the list of jobs with their colours. */
  drawList() {
    const remove = (id) => () => {
      this.ids = this.ids.filter((one) => one !== id);
      this.onChange();
    };
    setChildren(
      this.list,
      this.ids.length > 0 && h("li", {}, h("span", { class: "swatch", style: { color: `var(--${colourOf(0)})` } }), `job ${this.jobId}`),
      this.ids.map((id, n) =>
        h(
          "li",
          {},
          h("span", { class: "swatch", style: { color: `var(--${colourOf(n + 1)})` } }),
          h("a", { href: link(`jobs/${id}`, { beside: this.jobId }) }, `job ${id}`),
          h("button", { type: "button", class: "remove", "aria-label": `Remove job ${id}`, onclick: remove(id) }, "×"),
        ),
      ),
    );
  }
}
