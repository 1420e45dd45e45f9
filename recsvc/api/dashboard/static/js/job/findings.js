// What the diagnosis says: cards to read and to act on, and pins at the epochs that they speak of.
import { post } from "../api.js";
import { EDGE } from "../charts/furniture.js";
import { fill, h, say } from "../dom.js";
import { number, percent, plain, words } from "../format.js";
import { button } from "../parts.js";
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
const LEAST_PIN = 22;

/** The findings of a job: `cards` for the page, `pins` for the pictures. */
export class Findings {
  constructor(jobId, shared) {
    this.jobId = jobId;
    this.shared = shared;
    this.found = [];
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
    fill(
      this.cards,
      VERDICTS[diagnosis.verdict] && h("p", { class: `verdict ${diagnosis.verdict}` }, VERDICTS[diagnosis.verdict]),
      diagnosis.findings.map((one) => this.card(one)),
      several && h("p", { class: "quiet" }, "Mend the first one first: the others may follow from it."),
      several && h("p", {}, button("Apply all and retry", () => this.retry(null))),
    );
    fill(this.pins, diagnosis.findings.map((one) => this.pin(one)));
    this.pins.hidden = !diagnosis.findings.length;
    this.place();
  }

  card(one) {
    const evidence = [one.evidence, ...one.further_evidence];
    const card = h(
      "article",
      { class: `finding ${one.severity}`, id: this.idOf(one), tabindex: "-1" },
      h("h3", {}, words(one.code), h("span", { class: "severity" }, one.severity), h("span", { class: "epochs" }, epochsOf(one))),
      h("p", {}, one.cause),
      h("ul", { class: "evidence" }, evidence.map((each) => h("li", {}, told(each)))),
      one.change &&
        h(
          "p",
          { class: "change" },
          h("span", {}, one.change.hyperparameter, " ", h("del", {}, plain(one.change.from)), " → ", h("ins", {}, plain(one.change.to))),
          button("Apply and retry", () => this.retry([one.code]), { kind: "main" }),
        ),
      h("p", { class: "quiet" }, `Sure to ${percent(one.confidence)}. `, h("a", { href: one.docs.slice(1), target: "_blank", rel: "noopener" }, `More about ${words(one.code)}`)),
    );
    const look = () => this.shared.look(spanOf(one));
    const away = () => this.shared.look(null);
    for (const type of ["pointerenter", "focusin"]) card.addEventListener(type, look);
    for (const type of ["pointerleave", "focusout"]) card.addEventListener(type, away);
    return card;
  }

  pin(one) {
    return h(
      "button",
      {
        type: "button",
        class: `pin ${one.severity}`,
        title: `${words(one.code)}: ${epochsOf(one)}`,
        onclick: () => {
          const card = document.getElementById(this.idOf(one));
          card.focus();
          card.scrollIntoView({ block: "nearest" });
        },
        onpointerenter: () => this.shared.look(spanOf(one)),
        onpointerleave: () => this.shared.look(null),
      },
      words(one.code),
    );
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
