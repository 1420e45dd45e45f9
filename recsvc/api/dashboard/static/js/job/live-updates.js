// A training job followed by its server-sent events, over every break of the line.
import { address } from "../api.js";

const SLACK = 3; // times as long as it took
const AGAIN_AFTER_MS = [1000, 2000, 5000, 15000];

/**
 * Follow a job to its end. `hear` has `epoch(figures)`, `state()`, `finding()`, `done(job)` and
 * `line(isUp)`. The browser itself comes back after a break with the id of the last event; only a
 * line that was refused has to be asked for again.
 */
export function follow(jobId, hear, signal) {
  let tries = 0;
  let source = null;
  let timer = null;

  function open() {
    source = new EventSource(address(`v1/training-jobs/${jobId}/events`));
    source.addEventListener("open", () => {
      tries = 0;
      hear.line(true);
    });
    source.addEventListener("epoch", (event) => hear.epoch(JSON.parse(event.data)));
    source.addEventListener("state", () => hear.state());
    source.addEventListener("finding", () => hear.finding());
    source.addEventListener("done", (event) => {
      source.close();
      hear.done(JSON.parse(event.data));
    });
    source.addEventListener("error", () => {
      hear.line(false);
      if (source.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(open, AGAIN_AFTER_MS[Math.min(tries, AGAIN_AFTER_MS.length - 1)]);
      tries += 1;
    });
  }

  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    source.close();
  });
  open();
}

/** Run `act` at most once in `ms`, less often where it takes long, and once more after the last call. */
export function seldom(act, ms, signal) {
  let timer = null;
  let last = 0;
  signal.addEventListener("abort", () => clearTimeout(timer));
  return () => {
    if (timer !== null || signal.aborted) return;
    timer = setTimeout(async () => {
      const began = Date.now();
      try {
        await act();
      } catch (error) {
        if (!signal.aborted) console.warn(`Not renewed: ${error.message}`);
      }
      last = Date.now() + SLACK * (Date.now() - began);
      timer = null;
    }, Math.max(0, last + ms - Date.now()));
  };
}
