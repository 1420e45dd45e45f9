// What the published model recommends to a user, why, and what they have rated themselves.
import { find, get } from "../api.js";
import { fill, h } from "../dom.js";
import * as as from "../format.js";
import { empty, heading, problem, section, table } from "../components.js";
import { note } from "../router.js";
import { distribution, reasons } from "./explanations.js";

const MOST = 500;
const RATINGS_SHOWN = 30;

/** Draw the page; `settings.user` and `settings.n` say for whom, and how many. */
export async function show(page, { settings, signal, entitle }) {
  entitle("Recommendations");
  const user = h("input", { name: "user", required: true, maxlength: "256", autocomplete: "off", value: settings.get("user") || "" });
  const n = h("input", { name: "n", type: "number", min: "1", max: String(MOST), required: true, value: settings.get("n") || "10" });
  const rated = h("input", { type: "checkbox", name: "rated", checked: settings.get("rated") === "1" });
  const place = h("div", { "aria-live": "polite" });
  const ask = async () => {
    const asked = { user: user.value, n: n.value, rated: rated.checked ? "1" : "" };
    note("recommendations", asked);
    entitle(`For ${asked.user}`);
    try {
      await draw(place, asked, signal);
    } catch (error) {
      if (!signal.aborted) fill(place, problem(error));
    }
  };
  page.append(
    heading("Recommendations"),
    h(
      "form",
      { class: "asking line panel", onsubmit: (event) => { event.preventDefault(); ask(); } },
      h("label", {}, "User id", user),
      h("label", {}, "How many", n),
      h("label", { class: "tick" }, rated, "Rated and bought items, too"),
      h("button", { class: "button main" }, "Recommend"),
    ),
    place,
  );
  if (user.value) await ask();
  else fill(place, empty("Whose list? Type the id that your shop uses; somebody unknown gets what is popular."));
}

async function draw(place, { user, n, rated }, signal) {
  const of = `v1/users/${encodeURIComponent(user)}`;
  const [list, ratings] = await Promise.all([
    get(`${of}/recommendations?n=${n}&explain=true${rated ? "&include_rated=true" : ""}`, { signal }),
    find(`${of}/ratings?limit=${RATINGS_SHOWN}`, { signal }),
  ]);
  const hasModel = list.model_version !== null;
  const predictions = hasModel ? await predicted(of, list.items, signal) : new Map();
  const titles = await titlesOf(list, ratings, signal);
  const explained = list.items.some((one) => one.because?.length);
  fill(
    place,
    h(
      "div",
      { class: "columns uneven" },
      section(
        hasModel ? `Version ${list.model_version} for ${user}` : `Popular and new items for ${user}: no model version is loaded`,
        list.shortfall && h("p", { class: "warned" }, list.shortfall),
        list.items.length ? table("Recommendations, best first", columns(explained), list.items.map((one, place_) => row(one, place_, predictions, titles, explained))) : empty("Nothing can be recommended."),
      ),
      section("What they have rated", ratings?.items.length ? ratedTable(ratings, titles) : h("p", { class: "quiet" }, "Nothing that is stored.")),
    ),
  );
}

function columns(explained) {
  return [
    { title: "Place", numeric: true },
    { title: "Item" },
    { title: "Would rate", numeric: true },
    { title: "Likely ratings", minor: true },
    ...(explained ? [{ title: "Because of" }] : []),
    { title: "From", minor: true },
    { title: "Score", numeric: true, minor: true },
  ];
}

function row(one, place, predictions, titles, explained) {
  return [
    place + 1,
    item(one.item_id, one.title),
    one.expected_rating?.toFixed(2) ?? as.NOTHING,
    distribution(predictions.get(one.item_id)),
    ...(explained ? [reasons(one.because || [], titles)] : []),
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
      [{ title: "Item" }, { title: "Rating", numeric: true }, { title: "When", minor: true }],
      ratings.items.map((one) => [item(one.item_id, titles.get(one.item_id)), as.number(one.value), as.day(one.rated_at)]),
    ),
    ratings.next_cursor && h("p", { class: "quiet" }, `The first ${RATINGS_SHOWN}.`),
  ];
}

async function predicted(of, items, signal) {
  if (!items.length) return new Map();
  const asked = new URLSearchParams(items.map((one) => ["item_id", one.item_id]));
  const answer = await get(`${of}/predictions?${asked}`, { signal });
  return new Map(answer.items.map((one) => [one.item_id, one]));
}

async function titlesOf(list, ratings, signal) {
  const ids = new Set([...list.items.flatMap((one) => (one.because || []).map((each) => each.item_id)), ...(ratings?.items || []).map((one) => one.item_id)]);
  const found = await Promise.all([...ids].map((id) => find(`v1/items/${encodeURIComponent(id)}`, { signal })));
  return new Map(found.filter(Boolean).map((one) => [one.item_id, one.title]));
}
