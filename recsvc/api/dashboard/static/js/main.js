// The frame: which page is shown, what its title is, and which model answers.
import { find, get } from "./api.js";
import { fill, h } from "./dom.js";
import { empty, heading, problem } from "./components.js";
import { begin } from "./router.js";

const PAGES = {
  jobs: () => import("./pages/jobs.js"),
  job: () => import("./pages/job.js"),
  "new-job": () => import("./pages/new-job.js"),
  "new-sweep": () => import("./pages/new-sweep.js"),
  sweeps: () => import("./pages/sweeps.js"),
  sweep: () => import("./pages/sweep.js"),
  models: () => import("./pages/models.js"),
  data: () => import("./pages/data.js"),
  recommendations: () => import("./pages/recommendations.js"),
};
const LOOK_AGAIN_MS = 15000;

const main = document.getElementById("main");
let leaving = new AbortController();

async function show(route, wasAsked) {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const [name = "jobs", which] = route.parts;
  mark(name);
  const page = h("div", { class: "page" });
  try {
    const load = PAGES[pageOf(name, which)];
    if (!load) {
      fill(page, heading("No such page"), empty("The address names no page of the dashboard."));
      entitle("No such page");
    } else {
      const { show: draw } = await load();
      await draw(page, { which, settings: route.settings, signal, entitle, note: changed });
    }
  } catch (error) {
    if (signal.aborted) return;
    page.append(problem(error));
  }
  if (signal.aborted) return;
  fill(main, page);
  if (wasAsked) (page.querySelector("h1") || main).focus();
  scrollTo(0, 0);
}

function pageOf(name, which) {
  if (which && (name === "jobs" || name === "sweeps")) return `${which === "new" ? "new-" : ""}${name.slice(0, -1)}`;
  return ["jobs", "sweeps", "models", "data", "recommendations"].includes(name) ? name : "";
}

function entitle(title) {
  document.title = `${title} · recsvc`;
}

function mark(name) {
  for (const one of document.querySelectorAll(".bar nav a")) {
    if (one.hash === `#/${name}`) one.setAttribute("aria-current", "page");
    else one.removeAttribute("aria-current");
  }
}

async function changed() {
  const place = document.getElementById("answering");
  try {
    const ready = await get("readyz");
    fill(place, ready.checks.find((one) => one.name === "model")?.reason.split(";")[0] || "");
    place.className = "answering";
  } catch (error) {
    fill(place, error.status ? "not ready" : "no answer");
    place.className = "answering trouble";
  }
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address behind the # names the page
  main.focus();
});
if (!location.hash) history.replaceState(null, "", "#/jobs");
begin(show);
changed();
setInterval(() => document.hidden || changed(), LOOK_AGAIN_MS);
find("v1/sweeps?limit=1")
  .then((sweeps) => {
    document.querySelector('.bar nav a[href="#/sweeps"]').hidden = sweeps === null;
  })
  .catch(() => {});
