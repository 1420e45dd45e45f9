// Live updates of a training job from its server-sent events, with reconnection.
import { serviceUrl } from "../api.js";

const IDLE_FACTOR = 3; // pause after a call, as a multiple of its duration
const RETRY_DELAYS_MS = [1000, 2000, 5000, 15000];

/**
 * Follow a job to its end. `handlers` has `epoch(metrics)`, `state()`, `finding()`, `done(job)` and
 * `connection(isUp)`. After a lost connection the browser reconnects with the id of the last event;
 * only a refused connection is opened again here.
 */
export function followJob(jobId, handlers, signal) {
  let attempts = 0;
  let source = null;
  let timer = null;

  function open() {
    source = new EventSource(serviceUrl(`v1/training-jobs/${jobId}/events`));
    source.addEventListener("open", () => {
      attempts = 0;
      handlers.connection(true);
    });
    source.addEventListener("epoch", (event) => handlers.epoch(JSON.parse(event.data)));
    source.addEventListener("state", () => handlers.state());
    source.addEventListener("finding", () => handlers.finding());
    source.addEventListener("done", (event) => {
      source.close();
      handlers.done(JSON.parse(event.data));
    });
    source.addEventListener("error", () => {
      handlers.connection(false);
      if (source.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(open, RETRY_DELAYS_MS[Math.min(attempts, RETRY_DELAYS_MS.length - 1)]);
      attempts += 1;
    });
  }

  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    source.close();
  });
  open();
}

/** Return a function that runs `action` at most once in `ms`, less often if it is slow, and once after the last call. */
export function throttle(action, ms, signal) {
  let timer = null;
  let last = 0;
  signal.addEventListener("abort", () => clearTimeout(timer));
  return () => {
    if (timer !== null || signal.aborted) return;
    timer = setTimeout(async () => {
      const start = Date.now();
      try {
        await action();
      } catch (error) {
        if (!signal.aborted) console.warn(`Update failed: ${error.message}`);
      }
      last = Date.now() + IDLE_FACTOR * (Date.now() - start);
      timer = null;
    }, Math.max(0, last + ms - Date.now()));
  };
}
