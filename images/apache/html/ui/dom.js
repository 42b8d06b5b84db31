// Elements: making them, and bringing what is on the page up to date without losing focus or what was typed.

const SVG = "http://www.w3.org/2000/svg";
const HANDLERS = Symbol("handlers");
const HEARD = Symbol("heard");
const KEPT = Symbol("kept");

/** Make an element. `on` has its event handlers, `key` its identity among its siblings; false and null are left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name === "on") handle(element, value);
    else if (name === "key") element.dataset.key = value;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...flat(children));
  return element;
}

const PATHS = {
  overview: "M4 5h7v6H4zM13 5h7v9h-7zM4 13h7v6H4zM13 16h7v3h-7z",
  machines: "M4 5h16v11H4zM9 20h6M12 16v4",
  tasks: "M4 6l1.5 1.5L8 5M4 12l1.5 1.5L8 11M4 18l1.5 1.5L8 17M11 6.5h9M11 12.5h9M11 18.5h9",
  templates: "M12 4l8 4-8 4-8-4zM4 12l8 4 8-4M4 16l8 4 8-4",
  events: "M13 3L5 14h6l-1 7 8-11h-6z",
  plus: "M12 5v14M5 12h14",
  power: "M12 4v8M7 7a7 7 0 1 0 10 0",
  pause: "M9 5v14M15 5v14",
  play: "M7 5l11 7-11 7z",
  reset: "M5 12a7 7 0 1 1 2 5M5 18v-5h5",
  camera: "M4 8h4l1.5-2.5h5L16 8h4v11H4zM12 16.5a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4",
  undeploy: "M12 4v11M7.5 10.5L12 15l4.5-4.5M5 20h14",
  trash: "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13",
  screen: "M4 5h16v11H4zM8 20h8M8 9l3 2-3 2",
  download: "M12 4v11M7.5 10.5L12 15l4.5-4.5M5 20h14",
  upload: "M12 16V5M7.5 9.5L12 5l4.5 4.5M5 20h14",
  refresh: "M19 12a7 7 0 1 1-2-5M19 4v5h-5",
  leave: "M14 5H5v14h9M10 12h10M17 9l3 3-3 3",
  close: "M6 6l12 12M18 6L6 18",
  full: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  back: "M19 12H5M11 6l-6 6 6 6",
};

/** A line drawing beside words; it says nothing by itself. */
export function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  drawing.setAttribute("class", "icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  drawing.append(path);
  return drawing;
}

/** Stands for an element that somebody else draws in, such as a console: it is put here once and never moved. */
export function keep(element) {
  const stand = h("span", { "data-keep": true });
  stand[KEPT] = element;
  return stand;
}

/** Make what is in `parent` look like `children`; elements that stay are the same ones as before. */
export function show(parent, ...children) {
  const wanted = document.createElement("div");
  wanted.append(...flat(children));
  syncChildren(parent, wanted);
}

const flat = (children) => children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false);

function handle(element, handlers) {
  element[HANDLERS] = handlers;
  element[HEARD] ??= new Set();
  for (const type of Object.keys(handlers)) {
    if (element[HEARD].has(type)) continue;
    element[HEARD].add(type);
    element.addEventListener(type, (event) => element[HANDLERS]?.[type]?.(event));
  }
}

const alike = (one, other) => one.nodeName === other.nodeName && one.dataset?.key === other.dataset?.key;

function syncChildren(parent, wanted) {
  const fresh = [...wanted.childNodes];
  const others = new Set(fresh.map((one) => one[KEPT]).filter(Boolean));
  const keys = new Set(fresh.map((one) => one.dataset?.key).filter(Boolean));
  const kept = new Map([...parent.children].filter((one) => one.dataset.key).map((one) => [one.dataset.key, one]));
  let here = parent.firstChild;
  for (const one of fresh) {
    if (one[KEPT]) {
      while (here && here !== one[KEPT] && one[KEPT].parentNode === parent) here = drop(here);
      if (here === one[KEPT]) here = here.nextSibling;
      else parent.insertBefore(one[KEPT], here);
      continue;
    }
    const key = one.dataset?.key;
    const known = key ? kept.get(key) : here;
    if (!known || !alike(known, one) || others.has(known)) {
      settle(one);
      parent.insertBefore(one, here);
      continue;
    }
    // What is gone goes first: an element that is moved loses the focus, one that stays keeps it.
    while (here !== known && here && !others.has(here) && !keys.has(here.dataset?.key)) here = drop(here);
    if (here !== known) parent.insertBefore(known, here);
    sync(known, one);
    here = known.nextSibling;
  }
  while (here) here = drop(here);
}

/** Put what is kept into a part that is new on the page. */
function settle(part) {
  for (const stand of part.querySelectorAll?.("[data-keep]") ?? []) stand.replaceWith(stand[KEPT]);
}

function drop(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

function sync(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  handle(old, fresh[HANDLERS] ?? {});
  syncChildren(old, fresh);
}
