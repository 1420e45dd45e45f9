// What is known of a job besides its pictures: figures in a table, choices, baselines.
import { address } from "../api.js";
import { fill, h } from "../dom.js";
import * as as from "../format.js";
import { opening, table } from "../components.js";

const LAST_EPOCHS = 50;
const SHOWN = ["validation_ndcg", "validation_nll", "train_nll", "validation_rmse", "reconstruction_error", "update_to_weight_ratio", "saturated_units", "dead_units", "learning_rate", "seconds"];

/** Tables below the pictures; they are made when they are opened. */
export class Facts {
  constructor() {
    this.curve = null;
    this.place = h("div");
    this.epochs = opening("The curve as a table", this.place);
    this.epochs.addEventListener("toggle", () => this.draw());
    this.chosen = h("div");
    this.element = h("div", { class: "facts-of-job" }, this.epochs, this.chosen);
  }

  /** Show the curve as it is now. */
  show(curve) {
    this.curve = curve;
    if (this.epochs.open) this.draw();
  }

  draw() {
    const { curve } = this;
    if (!this.epochs.open || !curve) return;
    const names = SHOWN.filter((name) => curve.rows.some((row) => row[name] !== null && row[name] !== undefined));
    const rows = curve.rows.slice(-LAST_EPOCHS).reverse();
    const whole = `v1/training-jobs/${curve.jobId}/error-curve`;
    fill(
      this.place,
      h("p", { class: "quiet" }, rows.length < curve.rows.length ? `The last ${rows.length} of ${curve.rows.length} epochs. All of them: ` : "The same as a file: ", h("a", { href: address(`${whole}?format=csv`) }, "CSV"), ", ", h("a", { href: address(`${whole}?format=svg`) }, "SVG"), "."),
      table(
        `Epochs of job ${curve.jobId}`,
        [{ title: "Epoch", numeric: true }, ...names.map((name) => ({ title: as.words(name), numeric: true }))],
        rows.map((row) => ({
          attributes: { class: row.epoch === curve.best ? "best" : null },
          cells: [row.epoch === curve.best ? `${row.epoch} best` : row.epoch, ...names.map((name) => as.figure(row[name]))],
        })),
      ),
    );
  }

  /** Show what was decided for the job, and how methods that hardly learn do. */
  tell(job) {
    const seen = JSON.stringify([job.choices, job.baselines, job.result?.metrics]);
    if (seen === this.seen) return;
    this.seen = seen;
    fill(
      this.chosen,
      job.choices && Object.keys(job.choices).length > 0 && opening("What the data's shape decided", h("ul", {}, Object.entries(job.choices).map(([name, one]) => h("li", {}, h("b", {}, `${name}=${as.plain(one.value)}`), `: ${one.because}.`)))),
      job.baselines && opening("Beside methods that hardly learn", compared(job)),
    );
  }
}

function compared(job) {
  const measured = job.result?.metrics;
  const own = measured && { rmse: measured.validation_rmse, ndcg_at_10: measured.ndcg_at_10, liked_ndcg_at_10: measured.liked_ndcg_at_10 };
  const all = own ? [["this job", own], ...Object.entries(job.baselines)] : Object.entries(job.baselines);
  return table(
    "Baselines",
    [{ title: "Method" }, { title: "RMSE", numeric: true }, { title: "nDCG@10", numeric: true }, { title: "of liked items", numeric: true }],
    all.map(([name, one]) => [as.words(name), as.figure(one.rmse), as.figure(one.ndcg_at_10), as.figure(one.liked_ndcg_at_10)]),
  );
}
