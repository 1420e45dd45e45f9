// Other jobs drawn beside this one: which they are, and adding or leaving out one.
import { Problem, get } from "../api.js";
import { fill, h } from "../dom.js";
import { problem } from "../components.js";
import { link } from "../router.js";
import { Curve } from "../metrics.js";
import { colourOf } from "./metric-charts.js";

const MOST = 8;
const LOOK_AGAIN_MS = 3000;
const OVER = ["succeeded", "failed", "cancelled"];

/**
 * The jobs beside the one that the page is about. `changed()` hears that others are drawn,
 * `grown()` that their curves have got longer.
 */
export class Beside {
  constructor(jobId, ids, { changed, grown, signal }) {
    this.jobId = jobId;
    this.ids = ids.filter((id) => id !== jobId).slice(0, MOST - 1);
    this.curves = new Map();
    this.whole = new Set();
    this.changed = changed;
    this.grown = grown;
    this.signal = signal;
    this.places = h("ul", { class: "beside" });
    this.told = h("div");
    this.element = h("div", { class: "chips" }, this.places, this.form(), this.told);
    signal.addEventListener("abort", () => clearTimeout(this.timer));
  }

  form() {
    const field = h("input", { type: "number", min: "1", step: "1", required: true, "aria-label": "Number of a job to draw beside", placeholder: "job", class: "short" });
    return h(
      "form",
      {
        class: "inline",
        onsubmit: async (event) => {
          event.preventDefault();
          const id = Number(field.value);
          if (id === this.jobId || this.ids.includes(id) || this.ids.length >= MOST - 1) return;
          fill(this.told);
          try {
            await this.load(id);
            this.ids.push(id);
            field.value = "";
            this.changed();
          } catch (error) {
            if (!this.signal.aborted) fill(this.told, problem(error));
          }
        },
      },
      field,
      h("button", { class: "button plain" }, "Draw beside"),
    );
  }

  /** Read the curves of all of them; one that is not there is told and left out. */
  async begin() {
    const ids = this.ids;
    const read = await Promise.allSettled(ids.map((id) => this.load(id)));
    this.ids = ids.filter((_, n) => read[n].status === "fulfilled");
    const failed = read.find((one) => one.status === "rejected" && one.reason instanceof Problem);
    if (failed) fill(this.told, problem(failed.reason));
    this.lookAgain();
  }

  async load(id) {
    const answer = await get(`v1/training-jobs/${id}/error-curve`, { signal: this.signal });
    const known = this.curves.get(id);
    if (known) known.take(answer);
    else this.curves.set(id, new Curve(answer));
    if (OVER.includes(answer.state)) this.whole.add(id);
  }

  /** Read what still grows, again and again, until the page is left. */
  lookAgain() {
    if (this.signal.aborted) return;
    this.timer = setTimeout(async () => {
      const growing = this.ids.filter((id) => !this.whole.has(id));
      await Promise.allSettled(growing.map((id) => this.load(id))); // one that fails is asked for again
      if (this.signal.aborted) return;
      if (growing.length) this.grown();
      this.lookAgain();
    }, LOOK_AGAIN_MS);
  }

  /** The curves, in the order in which they were asked for. */
  all() {
    return this.ids.map((id) => this.curves.get(id)).filter(Boolean);
  }

  /** Say which jobs are drawn, each with its colour. */
  drawPlaces() {
    const leave = (id) => () => {
      this.ids = this.ids.filter((one) => one !== id);
      this.changed();
    };
    fill(
      this.places,
      this.ids.length > 0 && h("li", {}, h("span", { class: "swatch", style: { color: `var(--${colourOf(0)})` } }), `job ${this.jobId}`),
      this.ids.map((id, n) =>
        h(
          "li",
          {},
          h("span", { class: "swatch", style: { color: `var(--${colourOf(n + 1)})` } }),
          h("a", { href: link(`jobs/${id}`, { beside: this.jobId }) }, `job ${id}`),
          h("button", { type: "button", class: "leave", "aria-label": `Leave out job ${id}`, onclick: leave(id) }, "×"),
        ),
      ),
    );
  }
}
