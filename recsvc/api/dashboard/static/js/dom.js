// DOM helpers. Text is never parsed as markup, and styles are set through the CSSOM.

/** Create an element. `on…` are listeners, `style` and `dataset` are objects, the rest are attributes. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...flattenChildren(children));
  return element;
}

/** Replace the children of an element. */
export function setChildren(element, ...children) {
  element.replaceChildren(...flattenChildren(children));
  return element;
}

/** Replace the children of an element; children that stay keep their focus and pressed state. */
export function updateChildren(element, ...children) {
  const wanted = flattenChildren(children);
  for (const child of [...element.childNodes]) if (!wanted.includes(child)) child.remove();
  wanted.forEach((child, n) => {
    if (element.childNodes[n] !== child) element.insertBefore(child, element.childNodes[n] ?? null);
  });
}

function flattenChildren(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

/** Append children to an element; null, undefined and false are left out. */
export function appendChildren(element, ...children) {
  element.append(...flattenChildren(children));
}

/** Redraw, then focus the element with the same name as the one that had the focus. */
export function redrawKeepingFocus(place, draw) {
  const name = (element) => element.getAttribute("aria-label") || element.getAttribute("href");
  const focused = place.contains(document.activeElement) ? name(document.activeElement) : null;
  draw();
  if (focused) [...place.querySelectorAll("[aria-label], a")].find((one) => name(one) === focused)?.focus();
}

/** Create text for screen readers only. */
export function visuallyHidden(text) {
  return h("span", { class: "visually-hidden" }, text);
}

/** Show a message for six seconds and announce it to screen readers. */
export function announce(text) {
  const place = document.getElementById("toast");
  setChildren(place, text);
  clearTimeout(announce.timer);
  announce.timer = setTimeout(() => setChildren(place), 6000);
}

let lastId = 0;

/** Return a unique element id. */
export function uniqueId(stem) {
  lastId += 1;
  return `${stem}-${lastId}`;
}
