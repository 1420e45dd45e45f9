// Shell of the dashboard: page selection, title and the served model version.
import { findJson, getJson } from "./api.js";
import { h, setChildren } from "./dom.js";
import { emptyState, heading, problem } from "./components.js";
import { loginForm, readLogin } from "./login.js";
import { startRouter } from "./router.js";

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
const POLL_MS = 15000;

const main = document.getElementById("main");
let pageLifetime = new AbortController();

async function show(route, isNavigation) {
  pageLifetime.abort();
  pageLifetime = new AbortController();
  const { signal } = pageLifetime;
  const [name = "jobs", which] = route.parts;
  markCurrentPage(name);
  const page = h("div", { class: "page" });
  try {
    const load = PAGES[pageOf(name, which)];
    if (!load) {
      setChildren(page, heading("Page not found"), emptyState("The dashboard has no page at this address. Choose a page above."));
      setTitle("Page not found");
    } else {
      const { show: draw } = await load();
      await draw(page, { which, settings: route.settings, signal, setTitle, onModelChange: showServedVersion });
    }
  } catch (error) {
    if (signal.aborted) return;
    page.append(problem(error));
  }
  if (signal.aborted) return;
  setChildren(main, page);
  if (isNavigation) (page.querySelector("h1") || main).focus();
  scrollTo(0, 0);
}

function pageOf(name, which) {
  if (which && (name === "jobs" || name === "sweeps")) return `${which === "new" ? "new-" : ""}${name.slice(0, -1)}`;
  return ["jobs", "sweeps", "models", "data", "recommendations"].includes(name) ? name : "";
}

function setTitle(title) {
  document.title = `${title} · recsvc`;
}

function markCurrentPage(name) {
  for (const one of document.querySelectorAll(".bar nav a")) {
    if (one.hash === `#/${name}`) one.setAttribute("aria-current", "page");
    else one.removeAttribute("aria-current");
  }
}

async function showServedVersion() {
  const place = document.getElementById("serving");
  try {
    const ready = await getJson("readyz");
    const version = ready.checks.find((one) => one.name === "model")?.reason.match(/^(?:serving )?version (\d+)/i)?.[1];
    setChildren(place, version ? `Serving version ${version}` : "No model published");
    place.className = "serving";
  } catch (error) {
    setChildren(place, error.status ? "Not ready" : "No response");
    place.className = "serving trouble";
  }
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the fragment of the URL selects the page
  main.focus();
});
async function start() {
  if (!(await readLogin(showLoginForm))) {
    showLoginForm();
    return;
  }
  startRouter(show);
  const sweeps = await findJson("v1/sweeps?limit=1").catch(() => null);
  document.querySelector('.bar nav a[href="#/sweeps"]').hidden = sweeps === null;
}

function showLoginForm() {
  pageLifetime.abort();
  setTitle("Log in");
  setChildren(main, loginForm(() => location.reload()));
  main.querySelector("input").focus();
}

if (!location.hash) history.replaceState(null, "", "#/jobs");
start().catch((error) => setChildren(main, problem(error)));
showServedVersion();
setInterval(() => document.hidden || showServedVersion(), POLL_MS);
