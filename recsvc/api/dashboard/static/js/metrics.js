// The figures of an error curve: which belong in one picture, and which baselines compare.
import { placeOf } from "./charts/canvas.js";

/** Pictures of an error curve. The first of two figures is drawn solid, the second dashed. */
export const PICTURES = [
  { id: "ndcg", title: "nDCG@10", figures: ["validation_ndcg"], baseline: "ndcg_at_10", rises: true },
  { id: "nll", title: "Negative log-likelihood", figures: ["validation_nll", "train_nll"], baseline: "nll" },
  { id: "rmse", title: "RMSE", figures: ["validation_rmse"], baseline: "rmse" },
  { id: "reconstruction", title: "Reconstruction error", figures: ["reconstruction_error"] },
  { id: "free_energy", title: "Free energy", figures: ["validation_free_energy", "train_free_energy"] },
  { id: "update", title: "Update to weight ratio", figures: ["update_to_weight_ratio"] },
  { id: "units", title: "Hidden units", figures: ["saturated_units", "dead_units"] },
  { id: "activity", title: "Hidden activity", figures: ["hidden_activity", "hidden_certainty"] },
  { id: "similarity", title: "Unit similarity", figures: ["unit_similarity"] },
  { id: "weight", title: "Largest weight", figures: ["largest_weight"] },
  { id: "spread", title: "Prediction spread", figures: ["prediction_spread"] },
  { id: "kept", title: "Kept levels", figures: ["kept_levels"] },
  { id: "rate", title: "Learning rate", figures: ["learning_rate"] },
  { id: "momentum", title: "Momentum", figures: ["momentum"] },
  { id: "seconds", title: "Seconds an epoch", figures: ["seconds"] },
];

const NAMES = { saturated_units: "saturated", dead_units: "dead", hidden_activity: "mean", hidden_certainty: "certainty" };

/** What a figure's line is called within its picture. */
export function lineName(figure) {
  if (figure.startsWith("validation_")) return "validation";
  if (figure.startsWith("train_")) return "training";
  return NAMES[figure] || "training";
}

/** An error curve by columns: quick to draw, and grown by an epoch at a time. */
export class Curve {
  constructor(answer) {
    this.jobId = answer.job_id;
    this.epochs = [];
    this.columns = new Map();
    this.rows = [];
    this.take(answer);
  }

  /** Take over a whole answer: the service's word on all epochs so far. */
  take(answer) {
    this.baselines = answer.baselines || this.baselines || {};
    this.best = answer.best_epoch ?? this.best ?? null;
    this.epochs.length = 0;
    this.rows.length = 0;
    this.columns.clear();
    for (const row of answer.epochs) this.add(row);
  }

  /** Add an epoch, or put it in the place of what was told of it before. */
  add(row) {
    const place = placeOf(this.epochs, row.epoch);
    if (place < this.epochs.length && this.epochs[place] !== row.epoch) return;
    this.epochs[place] = row.epoch;
    this.rows[place] = row;
    for (const { figures } of PICTURES) {
      for (const figure of figures) {
        if (!this.columns.has(figure)) this.columns.set(figure, []);
        this.columns.get(figure)[place] = row[figure] ?? NaN;
      }
    }
  }

  /** The values of a figure, NaN where it was not measured. */
  values(figure) {
    return this.columns.get(figure) || [];
  }

  /** Whether a figure was ever measured. */
  has(figure) {
    return this.values(figure).some((value) => Number.isFinite(value));
  }
}

/** The pictures that a curve has figures for. */
export function picturesOf(curves) {
  return PICTURES.filter(({ figures }) => curves.some((curve) => figures.some((one) => curve.has(one))));
}

/** The pictures to begin with: how good it is, and the reconstruction error beside. */
export function usualPictures(curves) {
  const there = picturesOf(curves).map((one) => one.id);
  const main = ["ndcg", "nll", "reconstruction"].filter((id) => there.includes(id));
  return main.length ? main.slice(0, 2) : ["nll"];
}
