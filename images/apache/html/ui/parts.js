// Small parts that several views are made of.

import { h, icon } from "./dom.js";

/** A word with a tone; the tone is never the only thing that tells. */
export const badge = ([words, tone], attributes = {}) =>
  h("span", { class: "badge", "data-tone": tone, ...attributes }, words);

/**
 * A button. One that is `off` keeps the focus and says why it does nothing, which `disabled` would not.
 * Other attributes and `key` are handed on.
 */
export function button(words, act, { symbol, off = "", kind = "", hide = false, ...rest } = {}) {
  return h("button", {
    type: "button", class: `button ${kind}`.trim(), "aria-disabled": off ? "true" : null, title: off || null,
    on: { click: (event) => { if (!off) act(event); } }, ...rest,
  }, symbol ? icon(symbol) : null, h("span", { class: hide ? "unseen" : null }, words));
}

export const empty = (words, ...more) => h("div", { class: "empty" }, h("p", {}, words), more);

/** What failed while a view was being loaded, with a way to try again. */
export const trouble = (failure, again) => h("div", { class: "empty bad", role: "alert" },
  h("p", {}, failure.message), button("Try again", again, { symbol: "refresh" }));

export const loading = () => h("p", { class: "empty", "aria-busy": "true" }, "Loading …");

/** A view's first line: its heading, which gets the focus, and what can be done. */
export const heading = (words, ...actions) => h("div", { class: "heading" },
  h("h1", { tabindex: "-1" }, words), h("div", { class: "actions" }, actions));

/** Previous and next page of a collection that the platform pages. */
export function pager(page, go, label) {
  const find = (rel) => page.links?.find((one) => one.rel === rel);
  const previous = find("prev") ?? find("previous");
  const next = find("next");
  if (!previous && !next) return null;
  return h("nav", { class: "pager", "aria-label": label },
    button("Previous", () => go(previous), { off: previous ? "" : "This is the first page" }),
    h("span", {}, `${page.collection.length} of ${page.totalSize}`),
    button("Next", () => go(next), { off: next ? "" : "This is the last page" }));
}

/** A labelled control of a form; `hint` is read with it. */
export function field(label, control, hint = "") {
  const id = control.id;
  if (hint) control.setAttribute("aria-describedby", `${id}-hint`);
  return h("div", { class: "field" }, h("label", { for: id }, label), control,
    hint ? h("small", { id: `${id}-hint` }, hint) : null);
}

export const options = (items, name, chosen) => items.map((one, number) =>
  h("option", { value: String(number), selected: one === chosen }, name(one)));
