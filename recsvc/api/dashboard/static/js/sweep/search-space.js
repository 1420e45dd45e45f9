// What a sweep tries, as it is typed: `0.02, 0.2` or, to draw from, `0.001..1:log`.
import { lines, notSent, typed } from "../forms.js";

const DRAWN = 20; // trials, where nobody says how many
const RATES = 8;

/** Values between commas. */
export function values(name, text) {
  const parts = text.split(",").map((part) => part.trim());
  if (!parts.every(Boolean)) throw notSent(`${name} is “${text}”, in which a value is missing. Put one comma between two values.`);
  return parts.map(typed);
}

/** A hyperparameter and its values on each line. */
export function grid(text) {
  return over(text, (name, given) => {
    if (given.includes("..")) throw notSent(`${name} is “${given}”, a range, and a grid has none. Name its values (${name} = 1, 2, 5), or draw at random.`);
    return values(name, given);
  });
}

/** A hyperparameter and, on each line, its values or the range to draw from. */
export function drawn(text) {
  return over(text, (name, given) => (given.includes("..") ? bounds(name, given) : values(name, given)));
}

function over(text, read) {
  const found = new Map();
  for (const [name, given] of lines(text)) {
    if (!name || !given) throw notSent(`“${name || given}” does not say what to try. Write a hyperparameter and its values: n_hidden = 50, 100`);
    if (found.has(name)) throw notSent(`${name} is there twice. Put all of its values into one line: ${name} = 1, 2, 5`);
    found.set(name, read(name, given));
  }
  return Object.fromEntries(found);
}

function bounds(name, given) {
  const [, low, high, scale] = given.match(/^(.*?)\.\.(.*?)(?::\s*(log|linear))?$/);
  const range = { low: typed(low), high: typed(high), ...(scale && { scale }) };
  if (typeof range.low === "number" && typeof range.high === "number") return range;
  throw notSent(`${name} is “${given}”. A range is two numbers, LOW..HIGH, drawn from evenly, or LOW..HIGH:log for small ones as often as large ones: ${name} = 0.001..1:log`);
}

/** How many jobs a sweep queues; 0 where it does not say that yet. */
export function size(asked) {
  if (asked.grid) {
    const each = Object.values(asked.grid);
    return each.length && each.reduce((product, { length }) => product * length, 1);
  }
  const trials = asked.random ? (asked.random.trials ?? DRAWN) : (asked.rate_range.trials ?? RATES);
  return Number.isInteger(trials) && trials > 0 ? trials : 0;
}
