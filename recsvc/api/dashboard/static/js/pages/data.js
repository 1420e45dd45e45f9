// The data as training would read it: how many, how they are spread, what is odd about them.
import { post } from "../api.js";
import { add, h } from "../dom.js";
import * as as from "../format.js";
import { curl, empty, facts, heading, section } from "../components.js";

/** Draw the page. */
export async function show(page, { signal, entitle }) {
  entitle("Data");
  page.append(heading("Data"));
  const seen = await post("v1/training-jobs:validate", {}, { signal });
  const { data } = seen;
  if (!data.n_ratings && !data.n_interactions) {
    page.append(empty("There are no ratings yet. Bring some in from a file:", `${curl("v1/import-jobs")} -F file=@ratings.csv`));
    return;
  }
  add(
    page,
    seen.problem && h("div", { class: "problem", role: "alert" }, h("strong", {}, `Training would fail: ${seen.problem.title}`), h("p", {}, seen.problem.detail)),
    h("div", { class: "columns" }, profile(seen), section("Ratings by value", levels(data.levels))),
    h("div", { class: "columns" }, remarks(data.remarks), imported(seen.imported)),
  );
}

/** The panel of counts, which the form of a new job shows, too. */
export function profile({ data }) {
  return section(
    "What training reads",
    facts([
      ["Users", as.number(data.n_users)],
      ["Items", as.number(data.n_items)],
      ["Ratings", as.number(data.n_ratings)],
      ["Interactions", as.number(data.n_interactions)],
      ["Ratings of a user, median", as.number(data.ratings_per_user)],
      ["Ratings of an item, median", as.number(data.ratings_per_item)],
      ["Pairs that are missing", as.percent(data.missing_share)],
      ["Odd things", data.remarks.length ? data.remarks.map((one) => as.words(one.code)).join(", ") : "none"],
    ]),
  );
}

function levels(all) {
  const most = Math.max(1, ...all.map((one) => one.count));
  const total = all.reduce((sum, one) => sum + one.count, 0) || 1;
  return h(
    "ul",
    { class: "bars" },
    all.map(({ value, count }) =>
      h(
        "li",
        {},
        h("span", { class: "bar-name" }, as.number(value)),
        h("span", { class: "bar-room" }, h("span", { class: "bar-length", style: { width: `${(100 * count) / most}%` } })),
        h("span", { class: "bar-value" }, `${as.number(count)}, ${as.percent(count / total)}`),
      ),
    ),
  );
}

function remarks(all) {
  if (!all.length) return section("What is odd", h("p", { class: "verdict healthy" }, "Nothing is odd about the data."));
  return section(
    "What is odd",
    all.map((one) =>
      h(
        "article",
        { class: "finding warning" },
        h("h3", {}, as.words(one.code), h("span", { class: "epochs" }, `${as.number(one.count)} ${one.of}, ${as.percent(one.share)}`)),
        h("p", {}, one.seen),
        h("p", { class: "quiet" }, one.training),
        one.examples.length > 0 && h("p", { class: "quiet" }, "Such as ", h("code", {}, one.examples.join(", ")), "."),
      ),
    ),
  );
}

function imported({ duplicates, conflicts, refused }) {
  const counts = [["Said what was known", duplicates], ["Changed a rating, or were older", conflicts], ...Object.entries(refused).map(([code, count]) => [`Refused: ${as.words(code)}`, count])];
  return section(
    "Lines of the latest imports",
    facts(counts.map(([name, count]) => [name, as.number(count)])),
  );
}
