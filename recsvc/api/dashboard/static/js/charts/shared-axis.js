// State that charts share: visible epochs, pointer and scale.

const MIN_EPOCHS = 2;

/** Visible epochs, pointer and scale of several charts; it emits an event for every change. */
export class SharedAxis extends EventTarget {
  constructor() {
    super();
    this.window = null; // [from, to], or null for all epochs
    this.pointer = null;
    this.isLog = false;
    this.highlight = null; // a highlighted span: {from, to, colour}
    this.all = [0, 10];
  }

  /** Return the visible epochs. */
  get shown() {
    return this.window || this.all;
  }

  /** Set the first and last epoch. */
  setRange(first, last) {
    this.all = [first, Math.max(last, first + MIN_EPOCHS)];
  }

  /** Show only these epochs; null shows all. */
  zoom(window) {
    this.window = window === null ? null : clampWindow(window, this.all);
    this.emit("window");
  }

  /** Show fewer or more epochs around the pointer. */
  zoomBy(factor) {
    const [from, to] = this.shown;
    const centre = this.pointer ?? (from + to) / 2;
    this.zoom([centre - (centre - from) * factor, centre + (to - centre) * factor]);
  }

  /** Point at an epoch; with `follow` the window moves along. */
  point(epoch, { follow = false } = {}) {
    this.pointer = epoch;
    if (follow && epoch !== null && this.window) {
      const [from, to] = this.window;
      const direction = epoch < from ? epoch - from : epoch > to ? epoch - to : 0;
      if (direction) return this.zoom([from + direction, to + direction]);
    }
    return this.emit("pointer");
  }

  /** Set a logarithmic or linear scale. */
  setLog(isLog) {
    this.isLog = isLog;
    this.emit("window");
  }

  /** Highlight a span of epochs; null removes the highlight. */
  setHighlight(span) {
    this.highlight = span;
    this.emit("window");
  }

  emit(type) {
    this.dispatchEvent(new Event(type));
  }
}

function clampWindow([from, to], [first, last]) {
  const length = Math.max(MIN_EPOCHS, to - from);
  if (length >= last - first) return null;
  const start = Math.min(Math.max(from, first), last - length);
  return [start, start + length];
}
