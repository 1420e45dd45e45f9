// Heat maps: hidden units by case, and magnitudes by epoch.
import { h, setChildren, uniqueId } from "../dom.js";
import { colourReader, prepareCanvas } from "./canvas.js";

const EDGE = { left: 52, bottom: 22, right: 8 };
const FONT = "11px system-ui, sans-serif";

/** A heat map. `show` takes values[row][column] in 0 … 1 and their descriptions. */
export class HeatMap {
  constructor(title, { height, isUpward = false }) {
    this.title = title;
    this.isUpward = isUpward; // the first row is at the bottom
    this.pointer = null;
    const keysId = uniqueId("keys");
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.plot = h("div", { class: "plot heat", tabindex: "0", role: "application", "aria-roledescription": "heat map", "aria-describedby": keysId, style: { height } }, this.canvas);
    this.readout = h("span", { class: "readout" });
    this.liveText = h("p", { class: "visually-hidden", "aria-live": "polite" });
    this.summary = h("p", { class: "quiet" });
    this.element = h("figure", { class: "chart" }, h("figcaption", {}, h("h3", {}, title), this.readout), this.plot, this.summary, h("p", { class: "visually-hidden", id: keysId }, "Use the arrow keys to move between cells."), this.liveText);
    this.plot.addEventListener("pointermove", (event) => this.point(this.cellAt(event)));
    this.plot.addEventListener("pointerleave", () => this.point(null));
    this.plot.addEventListener("keydown", (event) => this.step(event));
    this.resizeObserver = new ResizeObserver(() => this.draw());
    this.resizeObserver.observe(this.plot);
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.redraw = () => this.draw();
    this.dark.addEventListener("change", this.redraw);
  }

  /** Remove the listeners. */
  close() {
    this.resizeObserver.disconnect();
    this.dark.removeEventListener("change", this.redraw);
  }

  /** Show values. `describe(row, column)` returns a cell's text; `rows` and `columns` are ticks {at, label}. */
  show({ values, rows, columns, describe, summary }) {
    Object.assign(this, { values, rows, columns, describe });
    setChildren(this.summary, summary);
    this.plot.setAttribute("aria-label", `${this.title}. ${summary}`);
    this.plot.dataset.cells = String(values.length * (values[0]?.length || 0));
    this.draw();
  }

  get size() {
    return [this.values?.length || 0, this.values?.[0]?.length || 0];
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.plot;
    const [nRows, nColumns] = this.size;
    if (!width || !height || !nRows || !nColumns) return;
    const context = prepareCanvas(this.canvas, width, height);
    const colour = colourReader(this.plot);
    const [w, t] = [width - EDGE.left - EDGE.right, height - EDGE.bottom];
    context.imageSmoothingEnabled = false;
    context.drawImage(this.image(colour), EDGE.left, 0, w, t);
    context.font = FONT;
    context.fillStyle = colour("quiet");
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const { at, label } of this.rows) context.fillText(label, EDGE.left - 6, clamp(this.top(at + 0.5) * t, 6, t - 6));
    context.textAlign = "center";
    context.textBaseline = "top";
    for (const { at, label } of this.columns) context.fillText(label, EDGE.left + ((at + 0.5) / nColumns) * w, t + 6);
    if (this.pointer) {
      const [row, column] = this.pointer;
      context.strokeStyle = colour("text");
      context.lineWidth = 1.5;
      const [cw, ch] = [Math.max(3, w / nColumns), Math.max(3, t / nRows)];
      context.strokeRect(EDGE.left + (column / nColumns) * w, this.top(this.isUpward ? row + 1 : row) * t, cw, ch);
    }
  }

  top(row) {
    const share = row / this.size[0];
    return this.isUpward ? 1 - share : share;
  }

  image(colour) {
    const [nRows, nColumns] = this.size;
    const [from, to] = [parts(colour("sunken")), parts(colour("series-1"))];
    const image = new ImageData(nColumns, nRows);
    for (let row = 0; row < nRows; row += 1) {
      const line = this.isUpward ? nRows - 1 - row : row;
      for (let column = 0; column < nColumns; column += 1) {
        const value = this.values[row][column];
        const place = 4 * (line * nColumns + column);
        for (let n = 0; n < 3; n += 1) image.data[place + n] = from[n] + (to[n] - from[n]) * value;
        image.data[place + 3] = 255;
      }
    }
    const canvas = new OffscreenCanvas(nColumns, nRows);
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  }

  cellAt(event) {
    const box = this.plot.getBoundingClientRect();
    const [nRows, nColumns] = this.size;
    const across = (event.clientX - box.left - EDGE.left) / (box.width - EDGE.left - EDGE.right);
    const down = (event.clientY - box.top) / (box.height - EDGE.bottom);
    if (across < 0 || across >= 1 || down < 0 || down >= 1) return null;
    const row = Math.floor((this.isUpward ? 1 - down : down) * nRows);
    return [Math.min(row, nRows - 1), Math.floor(across * nColumns)];
  }

  step(event) {
    const directions = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [this.isUpward ? 1 : -1, 0], ArrowDown: [this.isUpward ? -1 : 1, 0] };
    const direction = directions[event.key];
    if (!direction) return;
    event.preventDefault();
    const [row, column] = this.pointer || [0, -direction[1]];
    const [nRows, nColumns] = this.size;
    this.point([clamp(row + direction[0], 0, nRows - 1), clamp(column + direction[1], 0, nColumns - 1)]);
    setChildren(this.liveText, this.readout.textContent);
  }

  point(cell) {
    this.pointer = cell;
    setChildren(this.readout, cell ? this.describe(...cell) : "");
    this.draw();
  }
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

function parts(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}
