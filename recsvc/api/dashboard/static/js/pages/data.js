// The training data: counts, distribution of ratings and data issues.
import { postJson } from "../api.js";
import { appendChildren, h } from "../dom.js";
import * as format from "../format.js";
import { curlCommand, emptyState, facts, heading, section } from "../components.js";

/** Draw the page. */
export async function show(page, { signal, setTitle }) {
  setTitle("Data");
  page.append(heading("Data"));
  const preview = await postJson("v1/training-jobs:validate", {}, { signal });
  const { data } = preview;
  if (!data.n_ratings && !data.n_interactions) {
    page.append(emptyState("No ratings. Import a file:", `${curlCommand("v1/import-jobs")} -F file=@ratings.csv`));
    return;
  }
  appendChildren(
    page,
    preview.problem && h("div", { class: "problem", role: "alert" }, h("strong", {}, `Training would fail: ${preview.problem.title}`), h("p", {}, preview.problem.detail)),
    h("div", { class: "columns" }, dataProfile(preview), section("Ratings by value", ratingBars(data.levels))),
    h("div", { class: "columns" }, dataIssues(data.remarks), importCounts(preview.imported)),
  );
}

/** Create the panel of counts, also part of the preview of a new job. */
export function dataProfile({ data }) {
  return section(
    "Training data",
    facts([
      ["Users", format.number(data.n_users)],
      ["Items", format.number(data.n_items)],
      ["Ratings", format.number(data.n_ratings)],
      ["Interactions", format.number(data.n_interactions)],
      ["Median ratings per user", format.number(data.ratings_per_user)],
      ["Median ratings per item", format.number(data.ratings_per_item)],
      ["Missing pairs", format.percent(data.missing_share)],
      ["Data issues", data.remarks.length ? data.remarks.map((one) => format.readableName(one.code)).join(", ") : "none"],
    ]),
  );
}

function ratingBars(all) {
  const most = Math.max(1, ...all.map((one) => one.count));
  const total = all.reduce((sum, one) => sum + one.count, 0) || 1;
  return h(
    "ul",
    { class: "bars" },
    all.map(({ value, count }) =>
      h(
        "li",
        {},
        h("span", { class: "bar-name" }, format.number(value)),
        h("span", { class: "bar-room" }, h("span", { class: "bar-length", style: { width: `${(100 * count) / most}%` } })),
        h("span", { class: "bar-value" }, `${format.number(count)}, ${format.percent(count / total)}`),
      ),
    ),
  );
}

function dataIssues(all) {
  if (!all.length) return section("Data issues", h("p", { class: "verdict healthy" }, "No data issues."));
  return section(
    "Data issues",
    all.map((one) =>
      h(
        "article",
        { class: "finding warning" },
        h("h3", {}, format.readableName(one.code), h("span", { class: "epochs" }, `${format.number(one.count)} ${one.of}, ${format.percent(one.share)}`)),
        h("p", {}, one.seen),
        h("p", { class: "quiet" }, one.training),
        one.examples.length > 0 && h("p", { class: "quiet" }, "Examples: ", h("code", {}, one.examples.join(", ")), "."),
      ),
    ),
  );
}

function importCounts({ duplicates, conflicts, refused }) {
  const counts = [["Duplicates", duplicates], ["Conflicts", conflicts], ...Object.entries(refused).map(([code, count]) => [`Refused: ${format.readableName(code)}`, count])];
  return section(
    "Lines of the latest imports",
    facts(counts.map(([name, count]) => [name, format.number(count)])),
  );
}
