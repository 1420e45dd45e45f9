// Model versions: list, comparison of cards, publication and rollback.
import { getJson, postJson } from "../api.js";
import { announce, h, setChildren } from "../dom.js";
import * as format from "../format.js";
import { badge, button, confirmAction, curlCommand, emptyState, heading, section, table } from "../components.js";
import { link, replaceSettings } from "../router.js";
import { comparison } from "./model-cards.js";

const PAGE_SIZE = 50;
const MAX_COMPARED = 4;
const COLUMNS = [
  { title: "Compare", isHidden: true },
  { title: "Version", numeric: true },
  { title: "" },
  { title: "Kind", minor: true },
  { title: "nDCG@10", numeric: true },
  { title: "RMSE", numeric: true },
  { title: "NLL", numeric: true, minor: true },
  { title: "Job", numeric: true, minor: true },
  { title: "Created", minor: true },
  { title: "Publish", isHidden: true },
];

/** Draw the page; `settings.beside` has the versions whose cards are compared. */
export async function show(page, { settings, signal, setTitle, onModelChange }) {
  setTitle("Models");
  const cursor = settings.get("cursor") || "";
  const cards = new Map();
  let chosen = (settings.get("beside") || "").split(",").map(Number).filter(Boolean).slice(0, MAX_COMPARED);
  const list = h("div", { class: "panel" });
  const messages = h("div");
  const comparedCards = h("div", { "aria-live": "polite" });

  const choose = async (version, isOn) => {
    chosen = chosen.filter((one) => one !== version);
    if (isOn) chosen = [...chosen, version].slice(-MAX_COMPARED);
    replaceSettings("models", { cursor, beside: chosen.join(",") });
    await draw();
  };
  const changeModel = async (path, message) => {
    await postJson(path);
    setChildren(messages);
    announce(message);
    onModelChange();
    await load();
  };
  async function load() {
    const found = await getJson(`v1/models?limit=${PAGE_SIZE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`, { signal });
    cards.clear();
    for (const card of found.items) cards.set(card.version, card);
    await draw(found);
  }
  let last = null;
  async function draw(found = last) {
    last = found;
    if (!found.items.length) return setChildren(list, noModels());
    setChildren(
      list,
      table("Model versions, newest first", COLUMNS, found.items.map((card) => row(card, { chosen, choose, changeModel, messages }))),
      found.next_cursor && h("p", {}, h("a", { class: "button plain", href: link("models", { cursor: found.next_cursor }) }, "Older")),
    );
    for (const version of chosen) if (!cards.has(version)) cards.set(version, await getJson(`v1/models/${version}`, { signal }));
    const shown = chosen.map((version) => cards.get(version));
    return setChildren(comparedCards, shown.length > 0 && section(shown.length > 1 ? "Compared versions" : `Version ${shown[0].version}`, comparison(shown)));
  }

  const rollback = button("Roll back", async () => {
    if (await confirmAction("Publish the previous version again?", "Every API process serves it within a second, without failed requests.", "Roll back")) {
      await changeModel("v1/models/rollback", "The previous version is published.");
    }
  }, { messages });
  page.append(heading("Model versions", rollback), messages, list, comparedCards);
  await load();
}

function row(card, { chosen, choose, changeModel, messages }) {
  const publish = async () => {
    const question = `Publish version ${card.version}?`;
    const consequence = "Every API process serves it within a second, without failed requests. Roll back to undo.";
    if (await confirmAction(question, consequence, "Publish")) await changeModel(`v1/models/${card.version}/publish`, `Version ${card.version} is published.`);
  };
  return [
    h("input", { type: "checkbox", "aria-label": `Compare version ${card.version}`, checked: chosen.includes(card.version), onchange: (event) => choose(card.version, event.target.checked) }),
    card.version,
    card.published ? badge("published") : card.retired_at ? badge("retired") : "",
    card.model_kind,
    format.metric(card.metrics.ndcg_at_10),
    format.metric(card.metrics.validation_rmse),
    format.metric(card.metrics.validation_nll),
    h("a", { href: link(`jobs/${card.job_id}`) }, card.job_id),
    format.time(card.created_at),
    !card.published && !card.retired_at && button("Publish", publish, { messages }),
  ];
}

function noModels() {
  return emptyState("No model versions. Train a model to create one:", curlCommand("v1/training-jobs", {}));
}
