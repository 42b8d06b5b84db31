// All virtual machines, and how they are.

import { link, pathOf } from "../client.js";
import { deploy } from "../deploy.js";
import { h } from "../dom.js";
import { offers, placeOf, run } from "../machine-actions.js";
import { badge, button, empty, pager } from "../parts.js";
import { self } from "../platform.js";
import { View } from "../view.js";
import { many, stateOf } from "../words.js";

export class Machines extends View {
  title = "Machines";
  #page = null;
  #at = null;
  #wanted = "";

  async load() {
    const before = this.#page;
    this.#page = await this.platform.machines(this.#at);
    // A page whose last machine was deleted is left.
    if (!this.#page.collection.length && this.#at) {
      this.#at = null;
      this.#page = await this.platform.machines();
    }
    if (before) this.#tellChanges(before.collection, this.#page.collection);
  }

  #tellChanges(before, now) {
    const states = new Map(before.map((one) => [one.id, one.state]));
    const changed = now.filter((one) => states.has(one.id) && states.get(one.id) !== one.state);
    if (changed.length) this.announce(changed.map((one) => `${one.label}: ${stateOf(one.state)[0]}`).join(", "));
  }

  actions() { return [button("New machine", () => deploy(this.app), { symbol: "plus", kind: "primary" })]; }

  draw() {
    if (!this.#page.totalSize) {
      return empty("There is no virtual machine yet. Deploy the first one from a template.");
    }
    const shown = this.#page.collection.filter((one) => fits(one, this.#wanted));
    return [
      h("div", { class: "field search" }, h("label", { for: "filter" }, "Filter this page"),
        h("input", {
          id: "filter", type: "search", autocomplete: "off",
          on: { input: (event) => { this.#wanted = event.target.value; this.redraw(); } },
        })),
      shown.length ? h("ul", { class: "rows" }, shown.map((one) => this.#row(one))) : empty("No machine here fits the filter."),
      h("p", { class: "soft", role: "status" }, many(shown.length, "machine")),
      pager(this.#page, (to) => { this.#at = to; this.refresh(); }, "Pages of machines"),
    ];
  }

  #row(machine) {
    const path = pathOf(self(machine));
    const about = `machine-${machine.id}`;
    return h("li", { class: "row", key: about },
      h("h2", { id: about }, h("a", { href: `#/machine${path}` }, machine.label || machine.name)),
      badge(stateOf(machine.state)),
      h("span", { class: "soft" }, placeOf(machine)),
      h("div", { class: "actions" }, offers(machine, { short: true }).map((one) =>
        button(one.words, () => run(this, machine, one.name), {
          symbol: one.symbol, off: one.off, kind: "small", key: one.name, "aria-describedby": about,
        }))));
  }
}

function fits(machine, wanted) {
  const text = [machine.label, machine.name, machine.uuid, stateOf(machine.state)[0], placeOf(machine),
    link(machine, "virtualmachinetemplate")?.title].join(" ").toLowerCase();
  return wanted.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}
