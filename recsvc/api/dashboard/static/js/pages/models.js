// Model versions: which one answers, cards side by side, publishing and rolling back.
import { get, post } from "../api.js";
import { fill, h, say } from "../dom.js";
import * as as from "../format.js";
import { badge, button, confirmed, curl, empty, heading, section, table } from "../components.js";
import { link, note as noteAddress } from "../router.js";
import { comparison } from "./model-cards.js";

const ON_A_PAGE = 50;
const MOST_BESIDE = 4;
const COLUMNS = [
  { title: "Compare", unseen: true },
  { title: "Version", numeric: true },
  { title: "" },
  { title: "Kind", minor: true },
  { title: "nDCG@10", numeric: true },
  { title: "RMSE", numeric: true },
  { title: "NLL", numeric: true, minor: true },
  { title: "Job", numeric: true, minor: true },
  { title: "Made", minor: true },
  { title: "Publish", unseen: true },
];

/** Draw the page; `settings.beside` names the versions whose cards are compared. */
export async function show(page, { settings, signal, entitle, note }) {
  entitle("Models");
  const cursor = settings.get("cursor") || "";
  const cards = new Map();
  let chosen = (settings.get("beside") || "").split(",").map(Number).filter(Boolean).slice(0, MOST_BESIDE);
  const list = h("div", { class: "panel" });
  const told = h("div");
  const beside = h("div", { "aria-live": "polite" });

  const choose = async (version, isOn) => {
    chosen = chosen.filter((one) => one !== version);
    if (isOn) chosen = [...chosen, version].slice(-MOST_BESIDE);
    noteAddress("models", { cursor, beside: chosen.join(",") });
    await draw();
  };
  const act = async (path, said) => {
    await post(path);
    fill(told);
    say(said);
    note();
    await load();
  };
  async function load() {
    const found = await get(`v1/models?limit=${ON_A_PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`, { signal });
    cards.clear();
    for (const card of found.items) cards.set(card.version, card);
    await draw(found);
  }
  let last = null;
  async function draw(found = last) {
    last = found;
    if (!found.items.length) return fill(list, nothing());
    fill(
      list,
      table("Model versions, newest first", COLUMNS, found.items.map((card) => row(card, { chosen, choose, act, told }))),
      found.next_cursor && h("p", {}, h("a", { class: "button plain", href: link("models", { cursor: found.next_cursor }) }, "Older")),
    );
    for (const version of chosen) if (!cards.has(version)) cards.set(version, await get(`v1/models/${version}`, { signal }));
    const shown = chosen.map((version) => cards.get(version));
    return fill(beside, shown.length > 0 && section(shown.length > 1 ? "Cards side by side" : `Card of version ${shown[0].version}`, comparison(shown)));
  }

  const back = button("Roll back", async () => {
    if (await confirmed("Go back to the version published before?", "Every API process answers with it within a second; no request fails meanwhile.", "Roll back")) {
      await act("v1/models/rollback", "Rolled back.");
    }
  }, { told });
  page.append(heading("Model versions", back), told, list, beside);
  await load();
}

function row(card, { chosen, choose, act, told }) {
  const publish = async () => {
    const question = `Let version ${card.version} answer?`;
    const means = "Every API process answers with it within a second; no request fails meanwhile. Rolling back undoes it.";
    if (await confirmed(question, means, "Publish")) await act(`v1/models/${card.version}/publish`, `Version ${card.version} answers.`);
  };
  return [
    h("input", { type: "checkbox", "aria-label": `Compare version ${card.version}`, checked: chosen.includes(card.version), onchange: (event) => choose(card.version, event.target.checked) }),
    card.version,
    card.published ? badge("published") : card.retired_at ? badge("retired") : "",
    card.model_kind,
    as.figure(card.metrics.ndcg_at_10),
    as.figure(card.metrics.validation_rmse),
    as.figure(card.metrics.validation_nll),
    h("a", { href: link(`jobs/${card.job_id}`) }, card.job_id),
    as.time(card.created_at),
    !card.published && !card.retired_at && button("Publish", publish, { told }),
  ];
}

function nothing() {
  return empty("No model version yet: a training job that succeeds makes one.", curl("v1/training-jobs", {}));
}
