// Parser of search spaces: lists such as `0.02, 0.2` and ranges such as `0.001..1:log`.
import { inputError, parseAssignments, parseValue } from "../forms.js";

const RANDOM_TRIALS = 20; // defaults of the service
const RANGE_TRIALS = 8;

/** Parse values separated by commas. */
export function parseValues(name, text) {
  const parts = text.split(",").map((part) => part.trim());
  if (!parts.every(Boolean)) throw inputError(`${name} is “${text}”: a value is missing. Separate values by single commas.`);
  return parts.map(parseValue);
}

/** Parse lines of a hyperparameter and its values. */
export function parseGrid(text) {
  return parseLines(text, (name, entry) => {
    if (entry.includes("..")) throw inputError(`${name} is “${entry}”: a grid needs values, not a range. List them (${name} = 1, 2, 5), or choose random search.`);
    return parseValues(name, entry);
  });
}

/** Parse lines of a hyperparameter and its values or range. */
export function parseSearchSpace(text) {
  return parseLines(text, (name, entry) => (entry.includes("..") ? parseRange(name, entry) : parseValues(name, entry)));
}

function parseLines(text, parse) {
  const found = new Map();
  for (const [name, entry] of parseAssignments(text)) {
    if (!name || !entry) throw inputError(`“${name || entry}” is not NAME = VALUES. Write a hyperparameter and its values: n_hidden = 50, 100`);
    if (found.has(name)) throw inputError(`${name} occurs twice. Write all its values on one line: ${name} = 1, 2, 5`);
    found.set(name, parse(name, entry));
  }
  return Object.fromEntries(found);
}

function parseRange(name, entry) {
  const [, low, high, scale] = entry.match(/^(.*?)\.\.(.*?)(?::\s*(log|linear))?$/);
  const range = { low: parseValue(low), high: parseValue(high), ...(scale && { scale }) };
  if (typeof range.low === "number" && typeof range.high === "number") return range;
  throw inputError(`${name} is “${entry}”. A range is two numbers, LOW..HIGH, or LOW..HIGH:log for a log scale: ${name} = 0.001..1:log`);
}

/** Return the number of jobs of a sweep, 0 if it is not known. */
export function countTrials(space) {
  if (space.grid) {
    const lists = Object.values(space.grid);
    return lists.length && lists.reduce((product, { length }) => product * length, 1);
  }
  const trials = space.random ? (space.random.trials ?? RANDOM_TRIALS) : (space.rate_range.trials ?? RANGE_TRIALS);
  return Number.isInteger(trials) && trials > 0 ? trials : 0;
}
