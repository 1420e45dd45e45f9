// Comparison of model cards: one row per metric, one column per version, the best value marked.
import { h } from "../dom.js";
import * as format from "../format.js";
import { disclosure, table } from "../components.js";

const METRICS = [
  ["ndcg_at_10", "nDCG@10", "high"],
  ["liked_ndcg_at_10", "Liked nDCG@10", "high"],
  ["precision_at_10", "Precision@10", "high"],
  ["recall_at_10", "Recall@10", "high"],
  ["coverage_at_10", "Coverage@10", "high"],
  ["novelty_at_10", "Novelty@10", null],
  ["validation_rmse", "RMSE", "low"],
  ["validation_mae", "MAE", "low"],
  ["validation_nll", "NLL", "low"],
  ["calibration_error", "Calibration error", "low"],
];

/** Create tables of the cards of one or more versions. */
export function comparison(cards) {
  const columns = (first) => [{ title: first }, ...cards.map((card) => ({ title: `Version ${card.version}`, numeric: true }))];
  const known = METRICS.filter(([name]) => cards.some((card) => Number.isFinite(card.metrics[name])));
  return [
    table("Metrics", columns("Metric"), known.map(([name, title, better]) => [title, ...metricCells(cards.map((card) => card.metrics[name]), better)])),
    disclosure("Baselines on the same ratings", baselines(cards, columns)),
    disclosure(cards.length > 1 ? "Different hyperparameters" : "Hyperparameters", hyperparameters(cards, columns)),
    disclosure("Data, packages and hashes", provenance(cards, columns)),
    h("div", { class: "quiet" }, cards.map((card) => h("p", {}, `Version ${card.version}: ${card.protocol.words || ""}`))),
  ];
}

function metricCells(values, better) {
  const finite = values.filter(Number.isFinite);
  const best = better === "high" ? Math.max(...finite) : Math.min(...finite);
  return values.map((value) => {
    const isBest = better && finite.length > 1 && value === best;
    return isBest ? h("b", { class: "good", title: "best value" }, format.metric(value)) : format.metric(value);
  });
}

function baselines(cards, columns) {
  const names = [...new Set(cards.flatMap((card) => Object.keys(card.baselines)))];
  const cell = (one) => (one ? [one.rmse && `RMSE ${format.metric(one.rmse)}`, one.ndcg_at_10 && `nDCG@10 ${format.metric(one.ndcg_at_10)}`].filter(Boolean).join(", ") : format.MISSING);
  return table("Baselines", columns("Method"), names.map((name) => [format.readableName(name), ...cards.map((card) => cell(card.baselines[name]))]));
}

function hyperparameters(cards, columns) {
  const names = [...new Set(cards.flatMap((card) => Object.keys(card.hyperparameters)))];
  const cell = (card, name) => (card.hyperparameters[name] === undefined ? format.MISSING : format.value(card.hyperparameters[name]));
  const rows = names.map((name) => [name, ...cards.map((card) => cell(card, name))]);
  const differing = rows.filter(([, ...values]) => cards.length === 1 || new Set(values).size > 1);
  if (!differing.length) return h("p", { class: "quiet" }, "None.");
  return table("Hyperparameters", columns("Hyperparameter"), differing);
}

function provenance(cards, columns) {
  const row = (title, of) => [title, ...cards.map(of)];
  return table("Provenance", columns("Property"), [
    row("Kind", (card) => card.model_kind),
    row("Created", (card) => format.time(card.created_at)),
    row("Best epoch", (card) => card.best_epoch),
    row("Seed", (card) => card.seed),
    row("Users", (card) => format.number(card.n_users)),
    row("Items", (card) => format.number(card.n_items)),
    row("Ratings", (card) => format.number(card.n_ratings)),
    row("Size", (card) => format.bytes(card.checkpoint_bytes)),
    row("Packages", (card) => Object.entries(card.packages).map((pair) => pair.join(" ")).join(", ")),
    row("Weights", (card) => hash(card.weights_sha256)),
    row("Snapshot", (card) => hash(card.snapshot_sha256)),
  ]);
}

function hash(sha256) {
  return h("code", { title: sha256 }, sha256.slice(0, 12));
}
