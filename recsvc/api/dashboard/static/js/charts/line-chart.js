// Line charts of error curves over epochs, with baseline levels and marks for best epochs.
import { h, setChildren, uniqueId } from "../dom.js";
import { number } from "../format.js";
import { drawAxes, drawHighlight, drawLevels, drawMarks, EDGE } from "./axes.js";
import { attachInteraction } from "./interaction.js";
import { colourReader, drawLine, lowerBound, prepareCanvas, valueRange } from "./canvas.js";
import { scale } from "./ticks.js";

const DASHES = [6, 4];
const PADDING = 0.06;
const MARK = 7; // half the width of a mark, which may overlap an edge

/**
 * A line chart. `show` takes lines {key, name, colour, isDashed, xs, ys}, levels {name, value}
 * and marks {x, name, colour}. Values above `ceiling` are cut off, except on a log scale.
 */
export class LineChart {
  constructor(title, shared, { hasLegend = true } = {}) {
    this.title = title;
    this.hasLegend = hasLegend;
    this.shared = shared;
    this.lines = [];
    this.levels = [];
    this.marks = [];
    this.ceiling = Infinity;
    this.hidden = new Set();
    this.drag = null;
    this.nDrawn = 0;
    this.build();
  }

  build() {
    const keysId = uniqueId("keys");
    this.base = h("canvas", { "aria-hidden": "true" });
    this.over = h("canvas", { "aria-hidden": "true" });
    this.plot = h("div", { class: "plot", tabindex: "0", role: "application", "aria-roledescription": "chart", "aria-describedby": keysId }, this.base, this.over);
    this.legend = h("ul", { class: "legend" });
    this.readout = h("span", { class: "readout" });
    this.liveText = h("p", { class: "visually-hidden", "aria-live": "polite" });
    this.element = h(
      "figure",
      { class: "chart" },
      h("figcaption", {}, h("h3", {}, this.title), this.hasLegend && this.legend, this.readout),
      this.plot,
      h("p", { class: "visually-hidden", id: keysId }, "Use the arrow keys to move between epochs, plus and minus to zoom, 0 to show all epochs, L to change the scale."),
      this.liveText,
    );
    attachInteraction(this.plot, this.shared, {
      epochAt: (at) => this.x?.back(at) ?? 0,
      drawDrag: (from, to) => {
        this.drag = from === null ? null : [from, to];
        this.drawOver();
      },
      step: (epoch, direction) => this.step(epoch, direction),
      announce: () => setChildren(this.liveText, this.describe()),
    });
    this.onWindow = () => this.requestDraw();
    this.onPointer = () => this.drawOver();
    this.shared.addEventListener("window", this.onWindow);
    this.shared.addEventListener("pointer", this.onPointer);
    this.resizeObserver = new ResizeObserver(() => this.requestDraw());
    this.resizeObserver.observe(this.plot);
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.dark.addEventListener("change", this.onWindow);
  }

  /** Remove the listeners. */
  close() {
    this.shared.removeEventListener("window", this.onWindow);
    this.shared.removeEventListener("pointer", this.onPointer);
    this.resizeObserver.disconnect();
    this.dark.removeEventListener("change", this.onWindow);
  }

  /** Show new lines, or longer ones. */
  show({ lines, levels = [], marks = [], ceiling = Infinity }) {
    const known = this.lines.map((one) => one.key).join();
    Object.assign(this, { lines, levels, marks, ceiling });
    if (known !== lines.map((one) => one.key).join()) this.drawLegend();
    this.requestDraw();
  }

  /** Schedule one drawing before the next frame. */
  requestDraw() {
    if (this.isScheduled) return;
    this.isScheduled = true;
    requestAnimationFrame(() => {
      this.isScheduled = false;
      this.draw();
    });
  }

  drawLegend() {
    const entry = (one) =>
      h(
        "li",
        {},
        h(
          "button",
          {
            type: "button",
            "aria-pressed": String(!this.hidden.has(one.key)),
            onclick: (event) => {
              if (!this.hidden.delete(one.key)) this.hidden.add(one.key);
              event.currentTarget.setAttribute("aria-pressed", String(!this.hidden.has(one.key)));
              this.requestDraw();
            },
          },
          h("span", { class: `swatch${one.isDashed ? " dashed" : ""}`, style: { color: `var(--${one.colour})` } }),
          one.name,
        ),
      );
    setChildren(this.legend, this.lines.map(entry));
  }

  get visible() {
    return this.lines.filter((one) => one.xs.length && !this.hidden.has(one.key));
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.plot;
    if (!width || !height) return;
    const context = prepareCanvas(this.base, width, height);
    const colour = colourReader(this.plot);
    const { isLog } = this.shared;
    const [from, to] = this.shared.shown;
    this.x = scale(from, to, EDGE.left, width - EDGE.right);
    const parts = this.visible.map((one) => this.part(one, from, to));
    const [low, high] = this.range(parts, isLog);
    this.y = scale(low, high, height - EDGE.bottom, EDGE.top, isLog);
    const frame = { context, colour, width, height, x: this.x, y: this.y };
    drawHighlight(frame, this.shared.highlight);
    drawAxes(frame, { from, to, low, high, isLog });
    context.save();
    context.beginPath();
    context.rect(EDGE.left - MARK, 0, width - EDGE.left - EDGE.right + 2 * MARK, height);
    context.clip();
    drawLevels(frame, this.levels, [low, high]);
    for (const part of parts) this.drawLine(context, colour, part, isLog);
    drawMarks(frame, this.marks, this.visible);
    context.restore();
    this.nDrawn += 1;
    this.plot.dataset.drawn = String(this.nDrawn);
    this.plot.dataset.points = String(parts.reduce((sum, part) => sum + Math.max(0, part.last - part.first + 1), 0));
    this.plot.setAttribute("aria-label", this.summary());
    this.drawOver();
  }

  part(one, from, to) {
    const first = Math.max(0, lowerBound(one.xs, from) - 1);
    const last = Math.min(one.xs.length - 1, lowerBound(one.xs, to));
    return { ...one, first, last };
  }

  range(parts, isLog) {
    const found = parts.map(({ ys, first, last }) => valueRange(ys, first, last, isLog)).filter(Boolean);
    if (!this.shared.window) {
      for (const { value } of this.levels) if (!isLog || value > 0) found.push([value, value]);
    }
    if (!found.length) return isLog ? [0.1, 1] : [0, 1];
    const low = Math.min(...found.map((one) => one[0]));
    let high = Math.max(...found.map((one) => one[1]));
    if (isLog) {
      const room = Math.max((high / low) ** PADDING, 1.01);
      return [low / room, high * room];
    }
    high = Math.max(low, Math.min(high, this.ceiling));
    const room = (high - low) * PADDING || Math.abs(high) * PADDING || 1;
    return [low - room, high + room];
  }

  drawLine(context, colour, part, isLog) {
    context.strokeStyle = colour(part.colour);
    context.lineWidth = part.isThin ? 1 : 1.75;
    context.lineJoin = "round";
    context.setLineDash(part.isDashed ? DASHES : []);
    drawLine(context, { ...part, x: this.x, y: this.y, isLog });
    context.setLineDash([]);
  }

  drawOver() {
    if (!this.x) return;
    const { clientWidth: width, clientHeight: height } = this.plot;
    const context = prepareCanvas(this.over, width, height);
    const colour = colourReader(this.plot);
    if (this.drag) {
      const [from, to] = this.drag;
      context.globalAlpha = 0.15;
      context.fillStyle = colour("accent");
      context.fillRect(Math.min(from, to), EDGE.top, Math.abs(to - from), height - EDGE.top - EDGE.bottom);
      context.globalAlpha = 1;
    }
    const { pointer } = this.shared;
    setChildren(this.readout, pointer === null ? "" : this.describe());
    if (pointer === null) return;
    const at = this.x(pointer);
    if (at < EDGE.left || at > width - EDGE.right + 1) return;
    context.strokeStyle = colour("quiet");
    context.beginPath();
    context.moveTo(at, EDGE.top);
    context.lineTo(at, height - EDGE.bottom);
    context.stroke();
    for (const { one, value } of this.pointedAt()) {
      context.fillStyle = colour(one.colour);
      context.beginPath();
      context.arc(at, this.y(value), 3.5, 0, 7);
      context.fill();
    }
  }

  pointedAt() {
    const found = [];
    for (const one of this.visible) {
      const place = lowerBound(one.xs, this.shared.pointer);
      if (one.xs[place] === this.shared.pointer && Number.isFinite(one.ys[place])) found.push({ one, value: one.ys[place] });
    }
    return found;
  }

  /** Return the nearest epoch, moved by `direction` epochs and clamped to the range. */
  step(epoch, direction) {
    const [first, last] = this.shared.all;
    return Math.min(Math.max(Math.round(epoch) + direction, first), last);
  }

  describe() {
    const [from, to] = this.shared.shown.map(Math.round);
    if (this.shared.pointer === null) return `Epochs ${from} to ${to}.`;
    const parts = this.pointedAt().map(({ one, value }) => `${one.name} ${number(value)}`);
    return `epoch ${this.shared.pointer}: ${parts.join(", ") || "no values"}`;
  }

  summary() {
    const isMeasured = Number.isFinite;
    const parts = this.visible.map(({ name, xs, ys }) => {
      const [first, last] = [ys.findIndex(isMeasured), ys.findLastIndex(isMeasured)];
      if (first < 0) return `${name}: no values`;
      return `${name} from ${number(ys[first])} in epoch ${xs[first]} to ${number(ys[last])} in epoch ${xs[last]}`;
    });
    return `${this.title}${this.shared.isLog ? ", logarithmic" : ""}. ${parts.join("; ") || "No epochs yet"}.`;
  }
}
