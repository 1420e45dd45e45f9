// Routes in the fragment of the URL: `#/jobs/7?beside=6` is the page `jobs/:id` with settings.

/** Parse the fragment into path parts and settings. */
export function parseAddress() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return { parts: path.split("/").filter(Boolean).map(decodePart), settings: new URLSearchParams(query) };
}

function decodePart(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // invalid encoding: no page has this name
  }
}

/** Return the URL of a page. Empty settings are left out. */
export function link(path, settings = {}) {
  const kept = Object.entries(settings).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return `#/${path}${kept.length ? `?${new URLSearchParams(kept)}` : ""}`;
}

/** Open a page. */
export function navigate(path, settings) {
  location.hash = link(path, settings);
}

/** Replace the settings in the URL without reloading the page. */
export function replaceSettings(path, settings) {
  history.replaceState(null, "", link(path, settings));
}

/** Show the page of the URL now and after every change. */
export function startRouter(show) {
  addEventListener("hashchange", () => show(parseAddress(), true));
  show(parseAddress(), false);
}
