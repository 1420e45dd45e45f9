// Findings of the diagnosis: cards with actions, and pins at their epochs.
import { postJson } from "../api.js";
import { EDGE } from "../charts/axes.js";
import { announce, h, setChildren, updateChildren } from "../dom.js";
import { number, percent, readableName, value as formatValue } from "../format.js";
import { button } from "../components.js";
import { navigate } from "../router.js";

const SOURCES = {
  H10: "Hinton's practical guide",
  SM: "SageMaker Debugger's default",
  own: "chosen on our test bank",
  Tukey: "Tukey's fences",
};
const VERDICTS = {
  healthy: "Healthy: no finding.",
  too_early: "Too early for a diagnosis. It repeats after a few more epochs.",
};
const FINAL_STATES = ["succeeded", "failed", "cancelled"];
const MIN_PIN_WIDTH = 22;

/** The findings of a job: `cards` for the page, `pins` for the charts. */
export class Findings {
  constructor(jobId, shared) {
    this.jobId = jobId;
    this.shared = shared;
    this.found = [];
    this.drawn = new Map();
    this.all = h("p", {}, button("Apply all and retry", () => this.retry(null)));
    this.cards = h("div", { class: "findings", "aria-live": "polite" });
    this.pins = h("div", { class: "pins", hidden: true, role: "group", "aria-label": "Findings at their epochs" });
    for (const type of ["window", "range"]) shared.addEventListener(type, () => this.place());
    this.resizeObserver = new ResizeObserver(() => this.place());
    this.resizeObserver.observe(this.pins);
  }

  /** Show a diagnosis; an unchanged one is not redrawn. */
  show(diagnosis) {
    const state = JSON.stringify(diagnosis);
    if (state === this.shownState) return;
    this.shownState = state;
    this.found = diagnosis.findings;
    const several = diagnosis.findings.filter((one) => one.change).length > 1;
    const shown = diagnosis.findings.map((one) => this.findOrDraw(one));
    updateChildren(
      this.cards,
      VERDICTS[diagnosis.verdict] && h("p", { class: `verdict ${diagnosis.verdict}` }, verdictText(diagnosis)),
      shown.map(({ card }) => card),
      several && h("p", { class: "quiet" }, "Apply the first change first: later findings can be its consequences."),
      several && this.all,
    );
    updateChildren(this.pins, shown.map(({ pin }) => pin));
    this.pins.hidden = !diagnosis.findings.length;
    this.place();
  }

  /** Return the card and pin of a finding. They are reused while its change is the same: a press may be in progress. */
  findOrDraw(one) {
    const key = JSON.stringify([one.code, one.severity, one.change]);
    if (!this.drawn.has(key)) this.drawn.set(key, this.draw(one));
    const drawn = this.drawn.get(key);
    drawn.update(one);
    return drawn;
  }

  draw({ code, severity, change, docs }) {
    let latest = null;
    const [epochs, confidence] = [h("span", { class: "epochs" }), h("span")];
    const [cause, evidence] = [h("p"), h("ul", { class: "evidence" })];
    const highlight = () => this.shared.setHighlight(spanOf(latest));
    const clear = () => this.shared.setHighlight(null);
    const card = h(
      "article",
      { class: `finding ${severity}`, id: this.idOf({ code }), tabindex: "-1", onpointerenter: highlight, onfocusin: highlight, onpointerleave: clear, onfocusout: clear },
      h("h3", {}, readableName(code), h("span", { class: "severity" }, severity), epochs),
      cause,
      evidence,
      change &&
        h(
          "p",
          { class: "change" },
          h("span", {}, change.hyperparameter, " ", h("del", {}, formatValue(change.from)), " → ", h("ins", {}, formatValue(change.to))),
          button("Apply and retry", () => this.retry([code]), { kind: "main" }),
        ),
      h("p", { class: "quiet" }, confidence, h("a", { href: docs.slice(1), target: "_blank", rel: "noopener" }, `About ${readableName(code)}`)),
    );
    const reveal = () => {
      card.focus();
      card.scrollIntoView({ block: "nearest" });
    };
    const pin = h("button", { type: "button", class: `pin ${severity}`, onclick: reveal, onpointerenter: highlight, onpointerleave: clear }, readableName(code));
    const update = (one) => {
      latest = one;
      setChildren(epochs, epochsText(one));
      setChildren(cause, one.cause);
      setChildren(evidence, [one.evidence, ...one.further_evidence].map((each) => h("li", {}, evidenceText(each))));
      setChildren(confidence, `Confidence ${percent(one.confidence)}. `);
      pin.title = `${readableName(code)}: ${epochsText(one)}`;
    };
    return { card, pin, update };
  }

  /** Position each pin at its epochs, in the first row with enough space. */
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
      const left = Math.min(at(first), width - MIN_PIN_WIDTH);
      const right = Math.max(at(last), left + MIN_PIN_WIDTH);
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
    const job = await postJson(`v1/training-jobs/${this.jobId}/retry`, apply ? { apply } : {});
    announce(`Job ${job.id} is queued.`);
    navigate(`jobs/${job.id}`, { beside: this.jobId });
  }

  idOf(one) {
    return `finding-${this.jobId}-${one.code}`;
  }

  /** Remove the listeners. */
  close() {
    this.resizeObserver.disconnect();
  }
}

function verdictText({ verdict, state, n_epochs: epochs }) {
  if (verdict !== "too_early" || !FINAL_STATES.includes(state)) return VERDICTS[verdict];
  return epochs ? "The job ended too early for a diagnosis." : "The job ended before its first epoch.";
}

function spanOf(one) {
  return { from: one.epochs[0], to: one.epochs[1], colour: one.severity };
}

function epochsText({ epochs: [first, last] }) {
  return first === last ? `epoch ${first}` : `epochs ${first} to ${last}`;
}

function evidenceText({ metric, value, threshold, source }) {
  const relation = value >= threshold ? "above" : "below";
  return [h("b", {}, readableName(metric)), ` ${number(value, 3)}, ${relation} ${number(threshold, 3)} `, h("span", { class: "quiet" }, `(${SOURCES[source] || source})`)];
}
