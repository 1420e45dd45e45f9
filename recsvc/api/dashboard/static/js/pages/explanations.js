// Why an item comes: what speaks for it, and how the user would rate it.
import { h } from "../dom.js";
import * as as from "../format.js";

const DONE = { view: "viewed", cart: "in the cart", purchase: "bought" };

/** What the user did that moved an item up the list, the strongest first, and by how much. */
export function reasons(because, titles) {
  if (!because.length) return as.NOTHING;
  return h(
    "ul",
    { class: "reasons" },
    because.map((one) =>
      h("li", {}, titles.get(one.item_id) || one.item_id, h("span", { class: "quiet" }, ` ${DONE[one.type] || `rated ${as.number(one.rating)}`}, +${as.number(one.effect, 2)}`)),
    ),
  );
}

/** How likely each rating is, as small bars with their numbers in words. */
export function distribution(prediction) {
  if (!prediction?.distribution.length) return as.NOTHING;
  const said = prediction.distribution.map((one) => `${as.number(one.value)}: ${as.percent(one.probability)}`).join(", ");
  const most = Math.max(...prediction.distribution.map((one) => one.probability));
  return h(
    "span",
    { class: "spark", role: "img", "aria-label": said, title: said },
    prediction.distribution.map((one) => h("span", { style: { height: `${Math.max(6, (100 * one.probability) / most)}%` } })),
  );
}
