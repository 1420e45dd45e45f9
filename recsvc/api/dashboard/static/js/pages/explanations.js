// Explanations of a recommendation: reasons and the distribution of predicted ratings.
import { h } from "../dom.js";
import * as format from "../format.js";

const ACTIONS = { view: "viewed", cart: "in the cart", purchase: "bought" };

/** Create the list of ratings and interactions that raise an item's score, with their effects. */
export function reasons(because, titles) {
  if (!because.length) return format.MISSING;
  return h(
    "ul",
    { class: "reasons" },
    because.map((one) =>
      h("li", {}, titles.get(one.item_id) || one.item_id, h("span", { class: "quiet" }, ` ${ACTIONS[one.type] || `rated ${format.number(one.rating)}`}, +${format.number(one.effect, 2)}`)),
    ),
  );
}

/** Create small bars of the probability of each rating, with a text alternative. */
export function distribution(prediction) {
  if (!prediction?.distribution.length) return format.MISSING;
  const text = prediction.distribution.map((one) => `${format.number(one.value)}: ${format.percent(one.probability)}`).join(", ");
  const most = Math.max(...prediction.distribution.map((one) => one.probability));
  return h(
    "span",
    { class: "spark", role: "img", "aria-label": text, title: text },
    prediction.distribution.map((one) => h("span", { style: { height: `${Math.max(6, (100 * one.probability) / most)}%` } })),
  );
}
