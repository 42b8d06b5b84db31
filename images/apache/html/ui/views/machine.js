// One virtual machine: what it is, what can be done, and what was done.

import { link } from "../client.js";
import { h } from "../dom.js";
import { addressOf, offers, run } from "../machine-actions.js";
import { badge, button, empty } from "../parts.js";
import { taskRow } from "../task-row.js";
import { View } from "../view.js";
import { stateOf, when } from "../words.js";

export class Machine extends View {
  title = "Machine";
  #machine = null;
  #tasks = [];

  async load() {
    const before = this.#machine?.state;
    this.#machine = await this.platform.machine(this.about);
    this.title = this.#machine.label || this.#machine.name;
    this.#tasks = await this.platform.tasks(this.#machine);
    this.#tasks.sort((one, other) => (other.creationTimestamp ?? 0) - (one.creationTimestamp ?? 0));
    if (before && before !== this.#machine.state) this.announce(`${this.title}: ${stateOf(this.#machine.state)[0]}`);
  }

  gone() { this.app.go("machines"); }

  lost(failure) {
    if (failure.status !== 404) return super.lost(failure);
    this.app.shell.tell(`${this.title} is no longer there.`, "warn");
    return this.gone();
  }

  actions() { return [h("span", { id: "state" }, badge(stateOf(this.#machine.state)))]; }

  draw() {
    const machine = this.#machine;
    return [
      h("p", {}, h("a", { href: "#/machines" }, "All machines")),
      h("div", { class: "actions wide", role: "group", "aria-label": "What to do with it" }, offers(machine).map((one) =>
        button(one.words, () => run(this, machine, one.name), {
          symbol: one.symbol, off: one.off, kind: one.kind ?? "", key: one.name,
        }))),
      h("section", { class: "card", "aria-labelledby": "facts" }, h("h2", { id: "facts" }, "What it is"), facts(machine)),
      h("section", { class: "card", "aria-labelledby": "tasks" }, h("h2", { id: "tasks" }, "Tasks"),
        this.#tasks.length ? h("ul", { class: "rows" }, this.#tasks.map((one) => taskRow(one))) : empty("Nothing was done yet.")),
    ];
  }
}

function facts(machine) {
  const title = (rel) => link(machine, rel)?.title;
  const rows = [
    ["Template", title("virtualmachinetemplate")],
    ["Location", title("location")],
    ["Virtual datacenter", title("virtualdatacenter")],
    ["Virtual appliance", title("virtualappliance")],
    ["Hypervisor", title("machine") ?? title("hypervisor")],
    ["Address", addressOf(machine)],
    ["Processors", machine.cpu],
    ["Memory", machine.ram ? `${machine.ram} MiB` : ""],
    ["State seen", when(machine.stateTimestamp)],
    ["UUID", machine.uuid],
  ];
  return h("dl", {}, rows.filter(([, value]) => value).map(([name, value]) =>
    h("div", {}, h("dt", {}, name), h("dd", {}, String(value)))));
}
