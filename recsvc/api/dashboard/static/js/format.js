// Formats of numbers, times and durations.
import { h } from "./dom.js";

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const CLOCK = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export const MISSING = "–";

/** Format a number with 4 significant digits; integers have all digits. */
export function number(value, digits = 4) {
  if (value === null || value === undefined) return MISSING;
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return WHOLE.format(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(Math.max(digits - 2, 0)).replace(/\.?0*e/, "e");
  return String(Number(value.toPrecision(digits)));
}

/** Format a metric with four decimals, so that the values of a column align. */
export function metric(value) {
  if (typeof value !== "number" || Number.isInteger(value)) return number(value);
  return Math.abs(value) >= 1e-3 && Math.abs(value) < 1e4 ? value.toFixed(4) : number(value);
}

/** Format a share as percent. */
export function percent(share) {
  return share === null || share === undefined ? MISSING : `${number(share * 100, 3)} %`;
}

/** Format bytes as MB or GB. */
export function bytes(count) {
  if (count === null || count === undefined) return MISSING;
  return count >= 1e9 ? `${number(count / 1e9, 3)} GB` : `${number(count / 1e6, 3)} MB`;
}

/** Format seconds as a duration. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return MISSING;
  if (seconds < 10) return `${number(seconds, 2)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${rest} s` : `${rest} s`;
}

/** Return the duration of a job so far, in seconds. */
export function elapsedSeconds(job, now = Date.now()) {
  if (!job.started_at) return null;
  const end = job.finished_at ? Date.parse(job.finished_at) : now;
  return Math.max(0, (end - Date.parse(job.started_at)) / 1000);
}

/** Format a time in the time zone of the browser; the exact time is its tooltip. */
export function time(iso) {
  if (!iso) return MISSING;
  return h("time", { datetime: iso, title: iso }, CLOCK.format(new Date(iso)));
}

/** Format the date of a time. */
export function day(iso) {
  return h("time", { datetime: iso, title: iso }, DAY.format(new Date(iso)));
}

const NAMES = { ease: "EASE", random: "random search", rate_range: "learning-rate range test" };

/** Format a name of the API: `rate_too_high` is "rate too high", `train_nll` is "train NLL". */
export function readableName(name) {
  if (NAMES[name]) return NAMES[name];
  return String(name).replaceAll("_", " ").replace(/\b(nll|rmse)\b/g, (word) => word.toUpperCase()).replace(/\bndcg$/, "nDCG@10");
}

/** Format the parameters of a job that differ from the defaults, on one line. */
export function parameters(job) {
  const chosen = Object.entries(job.hyperparameters || {}).map(([name, own]) => `${name}=${value(own)}`);
  if (job.warm_start) chosen.push("warm start");
  if (job.autopilot) chosen.push("autopilot");
  return chosen.join(", ") || "defaults";
}

/** Format the value of a hyperparameter as a form accepts it. */
export function value(own) {
  return typeof own === "number" ? String(Number(own.toPrecision(6))) : String(own);
}
