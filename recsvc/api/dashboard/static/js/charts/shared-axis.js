// What pictures beside each other share: the epochs that are shown, the epoch pointed at, the scale.

const LEAST_EPOCHS = 2;

/** The window and the pointer of several charts, which hear of every change. */
export class Shared extends EventTarget {
  constructor() {
    super();
    this.window = null; // [from, to], or null for all epochs
    this.pointer = null;
    this.isLog = false;
    this.highlight = null; // a span that is looked at: {from, to, colour}
    this.all = [0, 10];
  }

  /** The epochs that are shown. */
  get shown() {
    return this.window || this.all;
  }

  /** Say which epochs there are. */
  reach(first, last) {
    this.all = [first, Math.max(last, first + LEAST_EPOCHS)];
  }

  /** Show these epochs alone; null shows all. */
  zoom(window) {
    this.window = window === null ? null : within(window, this.all);
    this.tell("window");
  }

  /** Show fewer or more epochs around the pointer. */
  zoomBy(factor) {
    const [from, to] = this.shown;
    const centre = this.pointer ?? (from + to) / 2;
    this.zoom([centre - (centre - from) * factor, centre + (to - centre) * factor]);
  }

  /** Point at an epoch, and go along if it lies outside of what is shown. */
  point(epoch, { follow = false } = {}) {
    this.pointer = epoch;
    if (follow && epoch !== null && this.window) {
      const [from, to] = this.window;
      const way = epoch < from ? epoch - from : epoch > to ? epoch - to : 0;
      if (way) return this.zoom([from + way, to + way]);
    }
    return this.tell("pointer");
  }

  /** Values by their magnitude, or as they are. */
  setLog(isLog) {
    this.isLog = isLog;
    this.tell("window");
  }

  /** Look at a span of epochs; null looks away. */
  look(span) {
    this.highlight = span;
    this.tell("window");
  }

  tell(type) {
    this.dispatchEvent(new Event(type));
  }
}

function within([from, to], [first, last]) {
  const length = Math.max(LEAST_EPOCHS, to - from);
  if (length >= last - first) return null;
  const start = Math.min(Math.max(from, first), last - length);
  return [start, start + length];
}
