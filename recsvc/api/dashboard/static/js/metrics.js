// Error curves and the pictures of them, which the service lists: recsvc/epoch_metrics.py.
import { placeOf } from "./charts/canvas.js";
import { PICTURES } from "./epoch-metrics.js";

export { PICTURES };

const NAMES = new Map(PICTURES.flatMap(({ figures, lines }) => figures.map((figure, place) => [figure, lines[place]])));

/** What a figure's line is called within its picture. */
export function lineName(figure) {
  return NAMES.get(figure);
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
