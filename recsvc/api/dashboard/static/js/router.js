// Pages by what stands behind the #: `#/jobs/7?beside=6` is the page `jobs/:id` with its settings.

/** Read the address: its parts, and the settings after the question mark. */
export function here() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return { parts: path.split("/").filter(Boolean).map(decoded), settings: new URLSearchParams(query) };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // no address of ours: it will be told that there is no such page
  }
}

/** The address of a page. Settings that are empty are left out. */
export function link(path, settings = {}) {
  const kept = Object.entries(settings).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return `#/${path}${kept.length ? `?${new URLSearchParams(kept)}` : ""}`;
}

/** Go to a page. */
export function go(path, settings) {
  location.hash = link(path, settings);
}

/** Note settings in the address, so that it can be sent to somebody; the page stays as it is. */
export function note(path, settings) {
  history.replaceState(null, "", link(path, settings));
}

/** Show the page that the address names, now and whenever it changes. */
export function begin(show) {
  addEventListener("hashchange", () => show(here(), true));
  show(here(), false);
}
