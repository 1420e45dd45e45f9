// Elements without templates: text never becomes markup, styles go through the CSSOM.

/** Make an element. `on…` are listeners, `style` and `dataset` objects, the rest attributes. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...present(children));
  return element;
}

/** Put other children into an element. */
export function fill(element, ...children) {
  element.replaceChildren(...present(children));
  return element;
}

/** Put other children into an element; those that are there already stay, pressed or focused as they are. */
export function arrange(element, ...children) {
  const wanted = present(children);
  for (const child of [...element.childNodes]) if (!wanted.includes(child)) child.remove();
  wanted.forEach((child, n) => {
    if (element.childNodes[n] !== child) element.insertBefore(child, element.childNodes[n] ?? null);
  });
}

function present(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

/** Add children to an element; those that are null or false are left out. */
export function add(element, ...children) {
  element.append(...present(children));
}

/** Draw anew, and give the focus back to what stands in the place of what had it. */
export function keepingFocus(place, draw) {
  const name = (element) => element.getAttribute("aria-label") || element.getAttribute("href");
  const had = place.contains(document.activeElement) ? name(document.activeElement) : null;
  draw();
  if (had) [...place.querySelectorAll("[aria-label], a")].find((one) => name(one) === had)?.focus();
}

/** Text that is there for screen readers alone. */
export function unseen(text) {
  return h("span", { class: "unseen" }, text);
}

/** Tell screen readers, and show for a few seconds, what has happened. */
export function say(text) {
  const place = document.getElementById("said");
  fill(place, text);
  clearTimeout(say.timer);
  say.timer = setTimeout(() => fill(place), 6000);
}

let numbers = 0;

/** An id that no other element has. */
export function freshId(stem) {
  numbers += 1;
  return `${stem}-${numbers}`;
}
