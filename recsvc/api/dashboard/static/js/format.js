// Numbers, times and durations as people read them.
import { h } from "./dom.js";

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const CLOCK = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export const NOTHING = "–";

/** A number with as many digits as tell something: 4 of them, unless it is a whole one. */
export function number(value, digits = 4) {
  if (value === null || value === undefined) return NOTHING;
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return WHOLE.format(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(Math.max(digits - 2, 0)).replace(/\.?0*e/, "e");
  return String(Number(value.toPrecision(digits)));
}

/** A figure of a model, with four decimals, so that a column of them lines up. */
export function figure(value) {
  if (typeof value !== "number" || Number.isInteger(value)) return number(value);
  return Math.abs(value) >= 1e-3 && Math.abs(value) < 1e4 ? value.toFixed(4) : number(value);
}

/** A share as percent. */
export function percent(share) {
  return share === null || share === undefined ? NOTHING : `${number(share * 100, 3)} %`;
}

/** Bytes as MB or GB. */
export function bytes(count) {
  if (count === null || count === undefined) return NOTHING;
  return count >= 1e9 ? `${number(count / 1e9, 3)} GB` : `${number(count / 1e6, 3)} MB`;
}

/** Seconds as one would say them. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NOTHING;
  if (seconds < 10) return `${number(seconds, 2)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${rest} s` : `${rest} s`;
}

/** Seconds that a job took, or has taken so far. */
export function took(job, now = Date.now()) {
  if (!job.started_at) return null;
  const end = job.finished_at ? Date.parse(job.finished_at) : now;
  return Math.max(0, (end - Date.parse(job.started_at)) / 1000);
}

/** A time of the reader's own zone; the exact one shows on hovering. */
export function time(iso) {
  if (!iso) return NOTHING;
  return h("time", { datetime: iso, title: iso }, CLOCK.format(new Date(iso)));
}

/** A time's day, where the hour says little. */
export function day(iso) {
  return h("time", { datetime: iso, title: iso }, DAY.format(new Date(iso)));
}

/** A name of the API as words: `rate_too_high` is "rate too high". */
export function words(name) {
  return String(name).replaceAll("_", " ");
}

/** What was asked of a job beside its kind's defaults, in one line. */
export function asked(job) {
  const chosen = Object.entries(job.hyperparameters || {}).map(([name, value]) => `${name}=${plain(value)}`);
  if (job.warm_start) chosen.push("warm start");
  if (job.autopilot) chosen.push("autopilot");
  return chosen.join(", ") || "defaults";
}

/** A hyperparameter as it would be typed. */
export function plain(value) {
  return typeof value === "number" ? String(Number(value.toPrecision(6))) : String(value);
}
