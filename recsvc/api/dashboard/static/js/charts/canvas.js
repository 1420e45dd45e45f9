// Lines on a canvas. Of many points the ends and extremes of each pixel's column are drawn, so that
// ten thousand epochs cost no more than the picture is wide and a lone spike stays.

/** Draw one line through (xs, ys) between the places `first` and `last`; NaN is a gap. */
export function line(context, { xs, ys, first, last, x, y, isLog }) {
  context.beginPath();
  const isDense = last - first > 2 * (x(xs[last]) - x(xs[first]));
  if (isDense) dense(context, { xs, ys, first, last, x, y, isLog });
  else sparse(context, { xs, ys, first, last, x, y, isLog });
  context.stroke();
}

function drawable(value, isLog) {
  return Number.isFinite(value) && (!isLog || value > 0);
}

function sparse(context, { xs, ys, first, last, x, y, isLog }) {
  let isDown = false;
  for (let n = first; n <= last; n += 1) {
    if (!drawable(ys[n], isLog)) {
      isDown = false;
      continue;
    }
    const [px, py] = [x(xs[n]), y(ys[n])];
    if (isDown) context.lineTo(px, py);
    else {
      context.moveTo(px, py);
      if (n === last || !drawable(ys[n + 1], isLog)) context.lineTo(px + 0.01, py); // a lone point
    }
    isDown = true;
  }
}

function dense(context, { xs, ys, first, last, x, y, isLog }) {
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
    if (!drawable(value, isLog)) {
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

/** The place of the first entry of a rising list that is not below `value`. */
export function placeOf(values, value) {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The least and the greatest that can be drawn of `ys` between two places, or null. */
export function extent(ys, first, last, isLog) {
  let [low, high] = [Infinity, -Infinity];
  for (let n = first; n <= last; n += 1) {
    const value = ys[n];
    if (!drawable(value, isLog)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}

/** A canvas as sharp as the screen: give its context, in CSS pixels. */
export function prepared(canvas, width, height) {
  const density = globalThis.devicePixelRatio || 1;
  const [w, t] = [Math.round(width * density), Math.round(height * density)];
  if (canvas.width !== w || canvas.height !== t) [canvas.width, canvas.height] = [w, t];
  const context = canvas.getContext("2d");
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** The colours that the style sheet gives, by name, for light or dark as it is now. */
export function colours(element) {
  const style = getComputedStyle(element);
  return (name) => style.getPropertyValue(`--${name}`).trim();
}
