// Error curves and their charts. The service lists the charts: recsvc/epoch_metrics.py.
import { lowerBound } from "./charts/canvas.js";
import { CHARTS } from "./registers.js";

export { CHARTS };

const LINE_NAMES = new Map(CHARTS.flatMap(({ metrics, lines }) => metrics.map((metric, place) => [metric, lines[place]])));

/** Return the name of the line of a metric within its chart. */
export function lineName(metric) {
  return LINE_NAMES.get(metric);
}

/** An error curve in columns; epochs can be added one at a time. */
export class Curve {
  constructor(answer) {
    this.jobId = answer.job_id;
    this.epochs = [];
    this.columns = new Map();
    this.rows = [];
    this.replace(answer);
  }

  /** Replace all epochs by a response of the service. */
  replace(answer) {
    this.baselines = answer.baselines || this.baselines || {};
    this.best = answer.best_epoch ?? this.best ?? null;
    this.epochs.length = 0;
    this.rows.length = 0;
    this.columns.clear();
    for (const row of answer.epochs) this.add(row);
  }

  /** Add an epoch, or replace it. */
  add(row) {
    const place = lowerBound(this.epochs, row.epoch);
    if (place < this.epochs.length && this.epochs[place] !== row.epoch) return;
    this.epochs[place] = row.epoch;
    this.rows[place] = row;
    for (const { metrics } of CHARTS) {
      for (const metric of metrics) {
        if (!this.columns.has(metric)) this.columns.set(metric, []);
        this.columns.get(metric)[place] = row[metric] ?? NaN;
      }
    }
  }

  /** Return the values of a metric, NaN if it was not measured. */
  values(metric) {
    return this.columns.get(metric) || [];
  }

  /** Return whether a metric was measured in any epoch. */
  has(metric) {
    return this.values(metric).some((value) => Number.isFinite(value));
  }
}

/** Return the charts for which a curve has metrics. */
export function availableCharts(curves) {
  return CHARTS.filter(({ metrics }) => curves.some((curve) => metrics.some((one) => curve.has(one))));
}

/** Return the ids of the default charts: up to two, list quality and likelihood first. */
export function defaultCharts(curves) {
  const there = availableCharts(curves).map((one) => one.id);
  const main = ["ndcg", "nll", "reconstruction"].filter((id) => there.includes(id));
  return main.length ? main.slice(0, 2) : ["nll"];
}
