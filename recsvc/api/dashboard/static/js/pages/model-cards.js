// Model cards side by side: a row a figure, a column a version, the best of each row told.
import { h } from "../dom.js";
import * as as from "../format.js";
import { opening, table } from "../components.js";

const METRICS = [
  ["ndcg_at_10", "nDCG@10", "high"],
  ["liked_ndcg_at_10", "nDCG@10 of liked items", "high"],
  ["precision_at_10", "Precision@10", "high"],
  ["recall_at_10", "Recall@10", "high"],
  ["coverage_at_10", "Coverage@10", "high"],
  ["novelty_at_10", "Novelty@10", null],
  ["validation_rmse", "RMSE", "low"],
  ["validation_mae", "MAE", "low"],
  ["validation_nll", "NLL", "low"],
  ["calibration_error", "Calibration error", "low"],
];

/** The cards of one or more versions as tables. */
export function comparison(cards) {
  const columns = (first) => [{ title: first }, ...cards.map((card) => ({ title: `Version ${card.version}`, numeric: true }))];
  const known = METRICS.filter(([name]) => cards.some((card) => Number.isFinite(card.metrics[name])));
  return [
    table("Figures", columns("Figure"), known.map(([name, title, better]) => [title, ...compared(cards.map((card) => card.metrics[name]), better)])),
    opening("Methods that hardly learn, on the same ratings", baselines(cards, columns)),
    opening(cards.length > 1 ? "Hyperparameters that differ" : "Hyperparameters", hyperparameters(cards, columns)),
    opening("Data, packages, hashes", provenance(cards, columns)),
    h("div", { class: "quiet" }, cards.map((card) => h("p", {}, `Version ${card.version}: ${card.protocol.words || ""}`))),
  ];
}

function compared(values, better) {
  const there = values.filter(Number.isFinite);
  const best = better === "high" ? Math.max(...there) : Math.min(...there);
  return values.map((value) => {
    const isBest = better && there.length > 1 && value === best;
    return isBest ? h("b", { class: "good", title: "the best of these" }, as.figure(value)) : as.figure(value);
  });
}

function baselines(cards, columns) {
  const names = [...new Set(cards.flatMap((card) => Object.keys(card.baselines)))];
  const told = (one) => (one ? [one.rmse && `RMSE ${as.figure(one.rmse)}`, one.ndcg_at_10 && `nDCG@10 ${as.figure(one.ndcg_at_10)}`].filter(Boolean).join(", ") : as.NOTHING);
  return table("Baselines", columns("Method"), names.map((name) => [as.words(name), ...cards.map((card) => told(card.baselines[name]))]));
}

function hyperparameters(cards, columns) {
  const names = [...new Set(cards.flatMap((card) => Object.keys(card.hyperparameters)))];
  const said = (card, name) => (card.hyperparameters[name] === undefined ? as.NOTHING : as.plain(card.hyperparameters[name]));
  const rows = names.map((name) => [name, ...cards.map((card) => said(card, name))]);
  const differing = rows.filter(([, ...values]) => cards.length === 1 || new Set(values).size > 1);
  if (!differing.length) return h("p", { class: "quiet" }, "None: they were chosen alike.");
  return table("Hyperparameters", columns("Hyperparameter"), differing);
}

function provenance(cards, columns) {
  const row = (title, of) => [title, ...cards.map(of)];
  return table("Where they come from", columns("Fact"), [
    row("Kind", (card) => card.model_kind),
    row("Made", (card) => as.time(card.created_at)),
    row("Best epoch", (card) => card.best_epoch),
    row("Seed", (card) => card.seed),
    row("Users", (card) => as.number(card.n_users)),
    row("Items", (card) => as.number(card.n_items)),
    row("Ratings", (card) => as.number(card.n_ratings)),
    row("Size", (card) => as.bytes(card.checkpoint_bytes)),
    row("Packages", (card) => Object.entries(card.packages).map((pair) => pair.join(" ")).join(", ")),
    row("Weights", (card) => hash(card.weights_sha256)),
    row("Ratings, hash", (card) => hash(card.snapshot_sha256)),
  ]);
}

function hash(sha256) {
  return h("code", { title: sha256 }, sha256.slice(0, 12));
}
