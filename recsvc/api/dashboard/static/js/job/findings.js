// What the diagnosis says: cards to read and to act on, and pins at the epochs that they speak of.
import { post } from "../api.js";
import { EDGE } from "../charts/axes.js";
import { arrange, fill, h, say } from "../dom.js";
import { number, percent, plain, words } from "../format.js";
import { button } from "../components.js";
import { go } from "../router.js";

const SOURCES = {
  H10: "Hinton's practical guide",
  SM: "SageMaker Debugger's default",
  own: "chosen on our bank of faults",
  Tukey: "Tukey's fences",
};
const VERDICTS = {
  healthy: "Healthy: no check has found anything.",
  too_early: "Too early to tell; a few more epochs will.",
};
const OVER = ["succeeded", "failed", "cancelled"];
const LEAST_PIN = 22;

/** The findings of a job: `cards` for the page, `pins` for the pictures. */
export class Findings {
  constructor(jobId, shared) {
    this.jobId = jobId;
    this.shared = shared;
    this.found = [];
    this.drawn = new Map();
    this.all = h("p", {}, button("Apply all and retry", () => this.retry(null)));
    this.cards = h("div", { class: "findings", "aria-live": "polite" });
    this.pins = h("div", { class: "pins", hidden: true, role: "group", "aria-label": "Findings at their epochs" });
    for (const type of ["window", "reach"]) shared.addEventListener(type, () => this.place());
    this.resized = new ResizeObserver(() => this.place());
    this.resized.observe(this.pins);
  }

  /** Show a diagnosis. The same one again changes nothing. */
  show(diagnosis) {
    const seen = JSON.stringify(diagnosis);
    if (seen === this.seen) return;
    this.seen = seen;
    this.found = diagnosis.findings;
    const several = diagnosis.findings.filter((one) => one.change).length > 1;
    const shown = diagnosis.findings.map((one) => this.kept(one));
    arrange(
      this.cards,
      VERDICTS[diagnosis.verdict] && h("p", { class: `verdict ${diagnosis.verdict}` }, verdictOf(diagnosis)),
      shown.map(({ card }) => card),
      several && h("p", { class: "quiet" }, "Mend the first one first: the others may follow from it."),
      several && this.all,
    );
    arrange(this.pins, shown.map(({ pin }) => pin));
    this.pins.hidden = !diagnosis.findings.length;
    this.place();
  }

  /** The card and the pin of a finding. While it suggests the same they stay: one may just be pressed. */
  kept(one) {
    const key = JSON.stringify([one.code, one.severity, one.change]);
    if (!this.drawn.has(key)) this.drawn.set(key, this.draw(one));
    const drawn = this.drawn.get(key);
    drawn.tell(one);
    return drawn;
  }

  draw({ code, severity, change, docs }) {
    let latest = null;
    const [epochs, sureness] = [h("span", { class: "epochs" }), h("span")];
    const [cause, evidence] = [h("p"), h("ul", { class: "evidence" })];
    const look = () => this.shared.look(spanOf(latest));
    const away = () => this.shared.look(null);
    const card = h(
      "article",
      { class: `finding ${severity}`, id: this.idOf({ code }), tabindex: "-1", onpointerenter: look, onfocusin: look, onpointerleave: away, onfocusout: away },
      h("h3", {}, words(code), h("span", { class: "severity" }, severity), epochs),
      cause,
      evidence,
      change &&
        h(
          "p",
          { class: "change" },
          h("span", {}, change.hyperparameter, " ", h("del", {}, plain(change.from)), " → ", h("ins", {}, plain(change.to))),
          button("Apply and retry", () => this.retry([code]), { kind: "main" }),
        ),
      h("p", { class: "quiet" }, sureness, h("a", { href: docs.slice(1), target: "_blank", rel: "noopener" }, `More about ${words(code)}`)),
    );
    const reveal = () => {
      card.focus();
      card.scrollIntoView({ block: "nearest" });
    };
    const pin = h("button", { type: "button", class: `pin ${severity}`, onclick: reveal, onpointerenter: look, onpointerleave: away }, words(code));
    const tell = (one) => {
      latest = one;
      fill(epochs, epochsOf(one));
      fill(cause, one.cause);
      fill(evidence, [one.evidence, ...one.further_evidence].map((each) => h("li", {}, told(each))));
      fill(sureness, `Sure to ${percent(one.confidence)}. `);
      pin.title = `${words(code)}: ${epochsOf(one)}`;
    };
    return { card, pin, tell };
  }

  /** Put each pin at its epochs, in the first row where it has room. */
  place() {
    const width = this.pins.clientWidth - EDGE.left - EDGE.right;
    if (width <= 0 || !this.found.length) return;
    const [from, to] = this.shared.shown;
    const at = (epoch) => Math.min(Math.max((epoch - from) / (to - from), 0), 1) * width;
    const ends = [];
    this.found.forEach((one, n) => {
      const pin = this.pins.children[n];
      const { from: first, to: last } = spanOf(one);
      pin.hidden = last < from || first > to;
      const left = Math.min(at(first), width - LEAST_PIN);
      const right = Math.max(at(last), left + LEAST_PIN);
      let row = ends.findIndex((end) => end <= left);
      if (row < 0) row = ends.length;
      if (!pin.hidden) ends[row] = right + 2;
      pin.style.setProperty("left", `${EDGE.left + left}px`);
      pin.style.setProperty("width", `${right - left}px`);
      pin.style.setProperty("top", `${row * 24}px`);
    });
    this.pins.style.setProperty("height", `${ends.length * 24}px`);
  }

  async retry(apply) {
    const job = await post(`v1/training-jobs/${this.jobId}/retry`, apply ? { apply } : {});
    say(`Job ${job.id} is queued.`);
    go(`jobs/${job.id}`, { beside: this.jobId });
  }

  idOf(one) {
    return `finding-${this.jobId}-${one.code}`;
  }

  /** Let go of what it listens to. */
  close() {
    this.resized.disconnect();
  }
}

function verdictOf({ verdict, state, n_epochs: epochs }) {
  if (verdict !== "too_early" || !OVER.includes(state)) return VERDICTS[verdict];
  return epochs ? "It ended before there was enough to tell." : "It ended before its first epoch: there is no curve.";
}

function spanOf(one) {
  return { from: one.epochs[0], to: one.epochs[1], colour: one.severity };
}

function epochsOf({ epochs: [first, last] }) {
  return first === last ? `epoch ${first}` : `epochs ${first} to ${last}`;
}

function told({ metric, value, threshold, source }) {
  const way = value >= threshold ? "above" : "below";
  return [h("b", {}, words(metric)), ` ${number(value, 3)}, ${way} ${number(threshold, 3)} `, h("span", { class: "quiet" }, `(${SOURCES[source] || source})`)];
}
