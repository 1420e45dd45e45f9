// Activations of hidden units, and magnitudes of weights and updates, by epoch.
import { findJson } from "../api.js";
import { HeatMap } from "../charts/heat-map.js";
import { ticks } from "../charts/ticks.js";
import { h, setChildren } from "../dom.js";
import { number, percent } from "../format.js";
import { section } from "../components.js";

const SATURATION = 0.05;
const MAGNITUDES_EVERY = 2; // powers of ten between two ticks

/** The panel of inspections; it is hidden while the job has none. */
export class InspectionCharts {
  constructor(jobId, signal) {
    this.address = `v1/training-jobs/${jobId}/monitors`;
    this.signal = signal;
    this.element = h("div", { hidden: true });
    this.activity = new HeatMap("Hidden activations by case", { height: "320px" });
    this.weights = new HeatMap("Magnitudes of weights", { height: "230px", isUpward: true });
    this.updates = new HeatMap("Magnitudes of updates", { height: "230px", isUpward: true });
    this.slider = h("input", { type: "range", min: "0", value: "0", "aria-label": "Displayed epoch", oninput: () => this.choose() });
    this.epochOutput = h("output", {});
    setChildren(
      this.element,
      section(
        "Hidden units and weights",
        h("div", { class: "slider" }, h("span", {}, "Epoch"), this.slider, this.epochOutput),
        h("div", { class: "monitors" }, this.activity.element, this.weights.element, this.updates.element),
      ),
    );
    this.isNewest = true;
    signal.addEventListener("abort", () => {
      for (const map of [this.activity, this.weights, this.updates]) map.close();
    });
  }

  /** Read the inspections. If the newest epoch is displayed, the display follows it. */
  async refresh() {
    const query = this.isNewest ? "" : `?epoch=${this.epochs[Number(this.slider.value)]}`;
    let seen = await findJson(this.address + query, { signal: this.signal });
    if (seen === null && query) seen = await findJson(this.address, { signal: this.signal }); // the epoch was thinned out
    if (seen === null || !seen.epochs.length) return;
    this.epochs = seen.epochs;
    this.slider.max = String(seen.epochs.length - 1);
    this.element.hidden = false;
    this.show(seen);
  }

  async choose() {
    const place = Number(this.slider.value);
    this.isNewest = place === this.epochs.length - 1;
    this.request?.abort();
    this.request = new AbortController();
    try {
      const seen = await findJson(`${this.address}?epoch=${this.epochs[place]}`, { signal: this.request.signal });
      if (seen) this.show(seen);
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  }

  show(seen) {
    const { hidden_activity: activity } = seen;
    const epoch = activity?.epoch ?? seen.epochs.at(-1);
    this.slider.value = String(Math.max(0, this.epochs.indexOf(epoch)));
    this.slider.setAttribute("aria-valuetext", `epoch ${epoch}`);
    setChildren(this.epochOutput, String(epoch));
    this.activity.element.hidden = !activity;
    if (activity) this.activity.show(activityMap(activity));
    this.weights.show(magnitudeMap(seen.weights, seen.epochs, "weights"));
    this.updates.show(magnitudeMap(seen.updates, seen.epochs, "updates"));
  }
}

function activityMap({ epoch, cases, units, probabilities }) {
  const means = units.map((_, unit) => probabilities.reduce((sum, row) => sum + row[unit], 0) / cases.length);
  const [on, off] = [means.filter((one) => one > 1 - SATURATION).length, means.filter((one) => one < SATURATION).length];
  const mean = means.reduce((sum, one) => sum + one, 0) / units.length;
  return {
    values: probabilities,
    rows: [{ at: 0, label: cases[0] }, { at: cases.length - 1, label: cases.at(-1) }],
    columns: spacedTicks(units),
    describe: (row, column) => `case ${cases[row]}, unit ${units[column]}: ${percent(probabilities[row][column])}`,
    summary: `Epoch ${epoch}: ${cases.length} cases, ${units.length} units, mean activation ${percent(mean)}. ${on} units are always on, ${off} always off.`,
  };
}

function magnitudeMap({ edges, zeros, counts }, epochs, quantity) {
  const nBins = edges.length - 1;
  const totals = counts.map((column, n) => column.reduce((sum, one) => sum + one, zeros[n]) || 1);
  const most = counts.reduce((high, column, n) => Math.max(high, ...column.map((one) => one / totals[n])), 0) || 1;
  const share = (bin, n) => counts[n][bin] / totals[n];
  const first = Math.max(0, counts.findIndex((column) => column.some((one) => one > 0)));
  const last = counts.length - 1;
  return {
    values: Array.from({ length: nBins }, (_, bin) => counts.map((_column, n) => Math.sqrt(share(bin, n) / most))),
    rows: edges.slice(0, nBins).flatMap((edge, at) => (Number.isInteger(edge / MAGNITUDES_EVERY) ? [{ at: at - 0.5, label: `1e${edge}` }] : [])),
    columns: spacedTicks(epochs),
    describe: (bin, n) => `epoch ${epochs[n]}: ${percent(share(bin, n))} of the ${quantity} from ${power(edges[bin])} to ${power(edges[bin + 1])}`,
    summary: `The median magnitude of the ${quantity} is at most ${power(median(edges, zeros[first], counts[first]))} in epoch ${epochs[first]} and ${power(median(edges, zeros[last], counts[last]))} in epoch ${epochs[last]}, where ${percent(zeros[last] / totals[last])} are zero.`,
  };
}

function power(exponent) {
  return number(10 ** exponent, 3);
}

function median(edges, zeros, counts) {
  const half = counts.reduce((sum, one) => sum + one, zeros) / 2;
  let seen = zeros;
  for (let bin = 0; bin < counts.length; bin += 1) {
    seen += counts[bin];
    if (seen >= half) return edges[bin + 1];
  }
  return edges.at(-1);
}

function spacedTicks(names) {
  return ticks(0, names.length - 1, Math.min(8, names.length), { whole: true }).map((at) => ({ at, label: String(names[at]) }));
}
