// Recommendations for a user with reasons, and the user's ratings.
import { findJson, getJson } from "../api.js";
import { h, setChildren } from "../dom.js";
import * as format from "../format.js";
import { emptyState, heading, problem, section, table } from "../components.js";
import { replaceSettings } from "../router.js";
import { distribution, reasons } from "./explanations.js";

const MAX_ITEMS = 500;
const RATINGS_SHOWN = 30;

/** Draw the page for `settings.user`, with a list of `settings.n` items. */
export async function show(page, { settings, signal, setTitle }) {
  setTitle("Recommendations");
  const user = h("input", { name: "user", required: true, maxlength: "256", autocomplete: "off", value: settings.get("user") || "" });
  const n = h("input", { name: "n", type: "number", min: "1", max: String(MAX_ITEMS), required: true, value: settings.get("n") || "10" });
  const rated = h("input", { type: "checkbox", name: "rated", checked: settings.get("rated") === "1" });
  const place = h("div", { "aria-live": "polite" });
  const submit = async () => {
    const query = { user: user.value, n: n.value, rated: rated.checked ? "1" : "" };
    replaceSettings("recommendations", query);
    setTitle(`Recommendations for ${query.user}`);
    try {
      await draw(place, query, signal);
    } catch (error) {
      if (!signal.aborted) setChildren(place, problem(error));
    }
  };
  page.append(
    heading("Recommendations"),
    h(
      "form",
      { class: "asking line panel", onsubmit: (event) => { event.preventDefault(); submit(); } },
      h("label", {}, "User id", user),
      h("label", {}, "List length", n),
      h("label", { class: "tick" }, rated, "Include rated and bought items"),
      h("button", { class: "button main" }, "Recommend"),
    ),
    place,
  );
  if (user.value) await submit();
  else setChildren(place, emptyState("Enter a user id. Unknown users get popular items."));
}

async function draw(place, { user, n, rated }, signal) {
  const userPath = `v1/users/${encodeURIComponent(user)}`;
  const [list, ratings] = await Promise.all([
    getJson(`${userPath}/recommendations?n=${n}&explain=true${rated ? "&include_rated=true" : ""}`, { signal }),
    findJson(`${userPath}/ratings?limit=${RATINGS_SHOWN}`, { signal }),
  ]);
  const hasModel = list.model_version !== null;
  const predictions = hasModel ? await predictionsOf(userPath, list.items, signal) : new Map();
  const titles = await titlesOf(list, ratings, signal);
  const isExplained = list.items.some((one) => one.because?.length);
  setChildren(
    place,
    h(
      "div",
      { class: "columns uneven" },
      section(
        hasModel ? `Recommendations for ${user}, model version ${list.model_version}` : `Popular and new items for ${user}: no model version is loaded`,
        list.shortfall && h("p", { class: "warned" }, list.shortfall),
        list.items.length ? table("Recommendations, best first", columns(isExplained), list.items.map((one, place_) => row(one, place_, predictions, titles, isExplained))) : emptyState("No items to recommend."),
      ),
      section("Ratings of this user", ratings?.items.length ? ratedTable(ratings, titles) : h("p", { class: "quiet" }, "No ratings.")),
    ),
  );
}

function columns(isExplained) {
  return [
    { title: "Rank", numeric: true },
    { title: "Item" },
    { title: "Predicted rating", numeric: true },
    { title: "Distribution", minor: true },
    ...(isExplained ? [{ title: "Reasons" }] : []),
    { title: "Source", minor: true },
    { title: "Score", numeric: true, minor: true },
  ];
}

function row(one, place, predictions, titles, isExplained) {
  return [
    place + 1,
    item(one.item_id, one.title),
    one.expected_rating?.toFixed(2) ?? format.MISSING,
    distribution(predictions.get(one.item_id)),
    ...(isExplained ? [reasons(one.because || [], titles)] : []),
    one.source,
    one.score.toFixed(2),
  ];
}

function item(id, title) {
  return title ? [title, " ", h("span", { class: "quiet" }, id)] : id;
}

function ratedTable(ratings, titles) {
  return [
    table(
      "Ratings of this user",
      [{ title: "Item" }, { title: "Rating", numeric: true }, { title: "Rated", minor: true }],
      ratings.items.map((one) => [item(one.item_id, titles.get(one.item_id)), format.number(one.value), format.day(one.rated_at)]),
    ),
    ratings.next_cursor && h("p", { class: "quiet" }, `The first ${RATINGS_SHOWN} ratings.`),
  ];
}

async function predictionsOf(userPath, items, signal) {
  if (!items.length) return new Map();
  const ids = new URLSearchParams(items.map((one) => ["item_id", one.item_id]));
  const answer = await getJson(`${userPath}/predictions?${ids}`, { signal });
  return new Map(answer.items.map((one) => [one.item_id, one]));
}

async function titlesOf(list, ratings, signal) {
  const ids = new Set([...list.items.flatMap((one) => (one.because || []).map((each) => each.item_id)), ...(ratings?.items || []).map((one) => one.item_id)]);
  const found = await Promise.all([...ids].map((id) => findJson(`v1/items/${encodeURIComponent(id)}`, { signal })));
  return new Map(found.filter(Boolean).map((one) => [one.item_id, one.title]));
}
