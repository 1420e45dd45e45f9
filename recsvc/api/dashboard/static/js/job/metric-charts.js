// Charts of the error curves of one or more jobs, and the selection of charts.
import { LineChart } from "../charts/line-chart.js";
import { SharedAxis } from "../charts/shared-axis.js";
import { h, setChildren } from "../dom.js";
import { readableName } from "../format.js";
import { availableCharts, CHARTS, defaultCharts, lineName } from "../metrics.js";

const N_COLOURS = 8;
const N_VISIBLE = 5;

/** Return the colour of the job at this position. */
export function colourOf(place) {
  return `series-${(place % N_COLOURS) + 1}`;
}

/** The panel of charts; `onChange` gets the selection for the URL. */
export class MetricCharts {
  constructor({ chosen, isLog, onChange, pins }) {
    this.shared = new SharedAxis();
    this.shared.isLog = isLog;
    this.chosen = chosen;
    this.onChange = onChange;
    this.charts = new Map();
    this.curves = [];
    this.choice = h("fieldset", { class: "chips" }, h("legend", { class: "visually-hidden" }, "Charts"));
    this.log = toggle("Log scale", isLog, (on) => this.shared.setLog(on));
    this.reset = h("button", { type: "button", class: "chip", disabled: true, onclick: () => this.shared.zoom(null) }, "Show all epochs");
    this.grid = h("div", { class: "charts" });
    this.tools = h("span", { class: "chips align-end" }, this.log, this.reset);
    this.element = h("div", {}, this.choice, pins, this.grid);
    this.shared.addEventListener("window", () => {
      this.reset.disabled = this.shared.window === null;
      this.log.setAttribute("aria-pressed", String(this.shared.isLog));
      this.emitChange();
    });
  }

  /** Draw curves; the first one is the job of the page. */
  show(curves) {
    this.curves = curves;
    const starts = curves.flatMap(({ epochs }) => (epochs.length ? [epochs[0], epochs.at(-1)] : []));
    this.shared.setRange(Math.min(0, ...starts), Math.max(5, ...starts));
    const available = availableCharts(curves).map((one) => one.id);
    if (available.join() !== this.available) {
      this.available = available.join();
      this.drawChoice(available);
    }
    const seen = this.chosen || defaultCharts(curves);
    this.arrange(CHARTS.filter((one) => seen.includes(one.id)));
    for (const chart of CHARTS) this.charts.get(chart.id)?.show(this.content(chart));
    this.shared.emit("range");
  }

  arrange(charts) {
    const ids = charts.map((one) => one.id);
    if (ids.join() === [...this.charts.keys()].join()) return;
    for (const [id, chart] of this.charts) {
      if (ids.includes(id)) continue;
      chart.close();
      this.charts.delete(id);
    }
    const kept = new Map(charts.map((one) => [one.id, this.charts.get(one.id) || new LineChart(one.title, this.shared)]));
    this.charts = kept;
    setChildren(this.grid, [...kept.values()].map((chart) => chart.element));
  }

  content({ metrics, baseline }) {
    const several = this.curves.length > 1;
    const lines = this.curves.flatMap((curve, place) =>
      metrics
        .filter((metric) => !place || metric === metrics[0] || curve.has(metric))
        .map((metric, second) => ({
          key: `${curve.jobId}-${metric}`,
          name: [several && `job ${curve.jobId}`, (!several || metrics.length > 1) && lineName(metric)].filter(Boolean).join(" "),
          colour: several || !second ? colourOf(place) : colourOf(1),
          isDashed: second > 0,
          xs: curve.epochs,
          ys: curve.values(metric),
        })),
    );
    const levels = Object.entries(this.curves[0]?.baselines || {})
      .map(([name, measured]) => ({ name: readableName(name), value: measured[baseline] }))
      .filter(({ value }) => Number.isFinite(value));
    const marks = this.curves
      .map((curve, place) => ({ x: curve.best, line: `${curve.jobId}-${metrics[0]}`, colour: colourOf(place) }))
      .filter(({ x }) => x !== null);
    return { lines, levels, marks };
  }

  drawChoice(available) {
    const seen = this.chosen || defaultCharts(this.curves);
    const chips = CHARTS.filter((one) => available.includes(one.id)).map((one) =>
      toggle(one.title, seen.includes(one.id), (on) => {
        const now = new Set(this.chosen || defaultCharts(this.curves));
        if (on) now.add(one.id);
        else now.delete(one.id);
        this.chosen = [...now];
        this.show(this.curves);
        this.emitChange();
      }),
    );
    const more = chips.length > N_VISIBLE && h("details", { class: "more" }, h("summary", {}, "More charts"), h("span", { class: "chips" }, chips.slice(N_VISIBLE)));
    setChildren(this.choice, h("legend", { class: "visually-hidden" }, "Charts"), chips.slice(0, N_VISIBLE), more);
  }

  emitChange() {
    this.onChange({ figures: this.chosen?.join(",") || "", log: this.shared.isLog ? "1" : "" });
  }

  /** Remove the listeners of the charts. */
  close() {
    for (const chart of this.charts.values()) chart.close();
  }
}

function toggle(label, isOn, action) {
  const button = h("button", { type: "button", class: "chip", "aria-pressed": String(isOn) }, label);
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    action(on);
  });
  return button;
}
