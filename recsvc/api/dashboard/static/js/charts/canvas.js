// Lines on a canvas. With many points, only the first, last, least and greatest value of each pixel
// column are drawn: the cost depends on the width, and single spikes stay visible.

/** Draw one line through (xs, ys) between the places `first` and `last`; NaN is a gap. */
export function drawLine(context, { xs, ys, first, last, x, y, isLog }) {
  context.beginPath();
  const isDense = last - first > 2 * (x(xs[last]) - x(xs[first]));
  if (isDense) drawDense(context, { xs, ys, first, last, x, y, isLog });
  else drawSparse(context, { xs, ys, first, last, x, y, isLog });
  context.stroke();
}

function isDrawable(value, isLog) {
  return Number.isFinite(value) && (!isLog || value > 0);
}

function drawSparse(context, { xs, ys, first, last, x, y, isLog }) {
  let isDown = false;
  for (let n = first; n <= last; n += 1) {
    if (!isDrawable(ys[n], isLog)) {
      isDown = false;
      continue;
    }
    const [px, py] = [x(xs[n]), y(ys[n])];
    if (isDown) context.lineTo(px, py);
    else {
      context.moveTo(px, py);
      if (n === last || !isDrawable(ys[n + 1], isLog)) context.lineTo(px + 0.01, py); // a single point
    }
    isDown = true;
  }
}

function drawDense(context, { xs, ys, first, last, x, y, isLog }) {
  let column = null;
  let isDown = false;
  const flush = () => {
    if (column === null) return;
    const places = [column.begin, column.low, column.high, column.end].map(y);
    if (isDown) context.lineTo(column.at, places[0]);
    else context.moveTo(column.at, places[0]);
    for (const py of places.slice(1)) context.lineTo(column.at, py);
    isDown = true;
    column = null;
  };
  for (let n = first; n <= last; n += 1) {
    const value = ys[n];
    if (!isDrawable(value, isLog)) {
      flush();
      isDown = false;
      continue;
    }
    const at = Math.round(x(xs[n]));
    if (column !== null && column.at !== at) flush();
    if (column === null) column = { at, begin: value, low: value, high: value, end: value };
    column.low = Math.min(column.low, value);
    column.high = Math.max(column.high, value);
    column.end = value;
  }
  flush();
}

/** Return the index of the first entry of a sorted list that is at least `value`. */
export function lowerBound(values, value) {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Return the least and greatest drawable value of `ys[first..last]`, or null. */
export function valueRange(ys, first, last, isLog) {
  let [low, high] = [Infinity, -Infinity];
  for (let n = first; n <= last; n += 1) {
    const value = ys[n];
    if (!isDrawable(value, isLog)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}

/** Clear a canvas, fit it to the pixel density and return its context, in CSS pixels. */
export function prepareCanvas(canvas, width, height) {
  const density = globalThis.devicePixelRatio || 1;
  const [w, t] = [Math.round(width * density), Math.round(height * density)];
  if (canvas.width !== w || canvas.height !== t) [canvas.width, canvas.height] = [w, t];
  const context = canvas.getContext("2d");
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** Return a function that reads colours of the style sheet by name, in the current colour scheme. */
export function colourReader(element) {
  const style = getComputedStyle(element);
  return (name) => style.getPropertyValue(`--${name}`).trim();
}
