// The pictures of one or more jobs' error curves, and what is chosen to be seen of them.
import { LineChart } from "../charts/line-chart.js";
import { Shared } from "../charts/shared-axis.js";
import { fill, h } from "../dom.js";
import { words } from "../format.js";
import { PICTURES, lineName, picturesOf, usualPictures } from "../metrics.js";

const N_COLOURS = 8;
const N_IN_SIGHT = 5;

/** The colour of the job that stands at this place beside the others. */
export function colourOf(place) {
  return `series-${(place % N_COLOURS) + 1}`;
}

/** The panel of pictures; `noted` hears what is chosen, for the address. */
export class Pictures {
  constructor({ chosen, isLog, noted, pinned }) {
    this.shared = new Shared();
    this.shared.isLog = isLog;
    this.chosen = chosen;
    this.noted = noted;
    this.charts = new Map();
    this.curves = [];
    this.choice = h("fieldset", { class: "chips" }, h("legend", { class: "unseen" }, "Figures that are drawn"));
    this.log = toggle("Log scale", isLog, (on) => this.shared.setLog(on));
    this.reset = h("button", { type: "button", class: "chip", disabled: true, onclick: () => this.shared.zoom(null) }, "Show all epochs");
    this.grid = h("div", { class: "pictures" });
    this.tools = h("span", { class: "chips aside" }, this.log, this.reset);
    this.element = h("div", {}, this.choice, pinned, this.grid);
    this.shared.addEventListener("window", () => {
      this.reset.disabled = this.shared.window === null;
      this.log.setAttribute("aria-pressed", String(this.shared.isLog));
      this.note();
    });
  }

  /** Draw these curves, the first in front: new ones, or the same grown. */
  show(curves) {
    this.curves = curves;
    const starts = curves.flatMap(({ epochs }) => (epochs.length ? [epochs[0], epochs.at(-1)] : []));
    this.shared.reach(Math.min(0, ...starts), Math.max(5, ...starts));
    const there = picturesOf(curves).map((one) => one.id);
    if (there.join() !== this.there) {
      this.there = there.join();
      this.drawChoice(there);
    }
    const seen = this.chosen || usualPictures(curves);
    this.arrange(PICTURES.filter((one) => seen.includes(one.id)));
    for (const picture of PICTURES) this.charts.get(picture.id)?.show(this.content(picture));
    this.shared.tell("reach");
  }

  arrange(pictures) {
    const ids = pictures.map((one) => one.id);
    if (ids.join() === [...this.charts.keys()].join()) return;
    for (const [id, chart] of this.charts) {
      if (ids.includes(id)) continue;
      chart.close();
      this.charts.delete(id);
    }
    const kept = new Map(pictures.map((one) => [one.id, this.charts.get(one.id) || new LineChart(one.title, this.shared)]));
    this.charts = kept;
    fill(this.grid, [...kept.values()].map((chart) => chart.element));
  }

  content({ figures, baseline }) {
    const several = this.curves.length > 1;
    const lines = this.curves.flatMap((curve, place) =>
      figures
        .filter((figure) => !place || figure === figures[0] || curve.has(figure))
        .map((figure, second) => ({
          key: `${curve.jobId}-${figure}`,
          name: [several && `job ${curve.jobId}`, (!several || figures.length > 1) && lineName(figure)].filter(Boolean).join(" "),
          colour: several || !second ? colourOf(place) : colourOf(1),
          isDashed: second > 0,
          xs: curve.epochs,
          ys: curve.values(figure),
        })),
    );
    const levels = Object.entries(this.curves[0]?.baselines || {})
      .map(([name, measured]) => ({ name: words(name), value: measured[baseline] }))
      .filter(({ value }) => Number.isFinite(value));
    const marks = this.curves
      .map((curve, place) => ({ x: curve.best, line: `${curve.jobId}-${figures[0]}`, colour: colourOf(place) }))
      .filter(({ x }) => x !== null);
    return { lines, levels, marks };
  }

  drawChoice(there) {
    const seen = this.chosen || usualPictures(this.curves);
    const chips = PICTURES.filter((one) => there.includes(one.id)).map((one) =>
      toggle(one.title, seen.includes(one.id), (on) => {
        const now = new Set(this.chosen || usualPictures(this.curves));
        if (on) now.add(one.id);
        else now.delete(one.id);
        this.chosen = [...now];
        this.show(this.curves);
        this.note();
      }),
    );
    const more = chips.length > N_IN_SIGHT && h("details", { class: "more" }, h("summary", {}, "More figures"), h("span", { class: "chips" }, chips.slice(N_IN_SIGHT)));
    fill(this.choice, h("legend", { class: "unseen" }, "Figures that are drawn"), chips.slice(0, N_IN_SIGHT), more);
  }

  note() {
    this.noted({ figures: this.chosen?.join(",") || "", log: this.shared.isLog ? "1" : "" });
  }

  /** Let go of what its charts listen to. */
  close() {
    for (const chart of this.charts.values()) chart.close();
  }
}

function toggle(label, isOn, act) {
  const button = h("button", { type: "button", class: "chip", "aria-pressed": String(isOn) }, label);
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    act(on);
  });
  return button;
}
