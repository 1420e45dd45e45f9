// Tables of a job: metrics by epoch, hyperparameters chosen from the data, baselines.
import { serviceUrl } from "../api.js";
import { h, setChildren } from "../dom.js";
import * as format from "../format.js";
import { disclosure, table } from "../components.js";

const LAST_EPOCHS = 50;
const TABLE_METRICS = ["validation_ndcg", "validation_nll", "train_nll", "validation_rmse", "reconstruction_error", "update_to_weight_ratio", "saturated_units", "dead_units", "learning_rate", "seconds"];

/** Tables below the charts; the table of epochs is built when it is opened. */
export class JobTables {
  constructor() {
    this.curve = null;
    this.place = h("div");
    this.epochs = disclosure("Error curve as a table", this.place);
    this.epochs.addEventListener("toggle", () => this.draw());
    this.choices = h("div");
    this.element = h("div", { class: "facts-of-job" }, this.epochs, this.choices);
  }

  /** Show the current curve. */
  show(curve) {
    this.curve = curve;
    if (this.epochs.open) this.draw();
  }

  draw() {
    const { curve } = this;
    if (!this.epochs.open || !curve) return;
    const names = TABLE_METRICS.filter((name) => curve.rows.some((row) => row[name] !== null && row[name] !== undefined));
    const rows = curve.rows.slice(-LAST_EPOCHS).reverse();
    const curvePath = `v1/training-jobs/${curve.jobId}/error-curve`;
    setChildren(
      this.place,
      h("p", { class: "quiet" }, rows.length < curve.rows.length ? `The last ${rows.length} of ${curve.rows.length} epochs. Download all: ` : "Download: ", h("a", { href: serviceUrl(`${curvePath}?format=csv`) }, "CSV"), ", ", h("a", { href: serviceUrl(`${curvePath}?format=svg`) }, "SVG"), "."),
      table(
        `Epochs of job ${curve.jobId}`,
        [{ title: "Epoch", numeric: true }, ...names.map((name) => ({ title: format.readableName(name), numeric: true }))],
        rows.map((row) => ({
          attributes: { class: row.epoch === curve.best ? "best" : null },
          cells: [row.epoch === curve.best ? `${row.epoch} best` : row.epoch, ...names.map((name) => format.metric(row[name]))],
        })),
      ),
    );
  }

  /** Show the hyperparameters chosen from the data and the baselines. */
  update(job) {
    const state = JSON.stringify([job.choices, job.baselines, job.result?.metrics]);
    if (state === this.shownState) return;
    this.shownState = state;
    setChildren(
      this.choices,
      job.choices && Object.keys(job.choices).length > 0 && disclosure("Hyperparameters chosen from the data", h("ul", {}, Object.entries(job.choices).map(([name, one]) => h("li", {}, h("b", {}, `${name}=${format.value(one.value)}`), `: ${one.because}.`)))),
      job.baselines && disclosure("Baselines", baselineTable(job)),
    );
  }
}

function baselineTable(job) {
  const metrics = job.result?.metrics;
  const own = metrics && { rmse: metrics.validation_rmse, ndcg_at_10: metrics.ndcg_at_10, liked_ndcg_at_10: metrics.liked_ndcg_at_10 };
  const all = own ? [["this model", own], ...Object.entries(job.baselines)] : Object.entries(job.baselines);
  return table(
    "Baselines",
    [{ title: "Method" }, { title: "RMSE", numeric: true }, { title: "nDCG@10", numeric: true }, { title: "Liked nDCG@10", numeric: true }],
    all.map(([name, one]) => [format.readableName(name), format.metric(one.rmse), format.metric(one.ndcg_at_10), format.metric(one.liked_ndcg_at_10)]),
  );
}
