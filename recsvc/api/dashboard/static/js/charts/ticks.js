// Scales and axis ticks.

/** Return a scale from [low, high] to [from, to], logarithmic if `isLog`. */
export function scale(low, high, from, to, isLog = false) {
  const [a, b] = isLog ? [Math.log10(low), Math.log10(high)] : [low, high];
  const step = (to - from) / (b - a || 1);
  const place = isLog ? (value) => from + (Math.log10(value) - a) * step : (value) => from + (value - a) * step;
  place.back = (at) => (isLog ? 10 ** (a + (at - from) / step) : a + (at - from) / step);
  return place;
}

/** Return about `count` round numbers within [low, high]. */
export function ticks(low, high, count, { whole = false } = {}) {
  const rough = (high - low) / Math.max(count, 1);
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
  if (whole) step = Math.max(1, Math.round(step));
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, n) => Number(((first + n) * step).toPrecision(12)));
}

/** Return the ticks of a logarithmic axis: powers of ten, with 2 and 5 between them on short ranges. */
export function logTicks(low, high, count) {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  if (Math.log10(high / low) < 0.5) return ticks(low, high, count).filter((one) => one > 0);
  const every = Math.max(1, Math.ceil((last - first) / Math.max(count, 1)));
  const leading = last - first <= 2 ? [1, 2, 5] : [1];
  const found = [];
  for (let power = first; power <= last; power += every) {
    for (const digit of leading) found.push(Number((digit * 10 ** power).toPrecision(6)));
  }
  return found.filter((one) => one >= low && one <= high);
}

/** Format a tick, with the same number of decimals along an axis. */
export function formatTick(value, step = 0) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return value.toExponential(1).replace(".0e", "e");
  const digits = step ? Math.max(0, Math.min(6, -Math.floor(Math.log10(step) + 1e-9))) : 0;
  return step ? value.toFixed(digits) : String(Number(value.toPrecision(4)));
}
