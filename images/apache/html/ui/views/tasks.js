// What is being done, and what was: the tasks of this session and of the machines that are being worked on.

import { each, pathOf } from "../client.js";
import { h } from "../dom.js";
import { empty } from "../parts.js";
import { self } from "../platform.js";
import { taskRow } from "../task-row.js";
import { View } from "../view.js";
import { many } from "../words.js";
import { runs } from "../tasks.js";

export class Tasks extends View {
  title = "Tasks";
  #others = [];

  async load() {
    const { collection } = await this.platform.machines();
    const read = await each(collection, async (machine) => {
      try {
        const mine = await this.platform.tasks(machine);
        return mine.map((task) => ({ task, path: "", subject: link(machine) }));
      } catch (failure) {
        if (failure.status === 404) return []; // deleted meanwhile
        throw failure;
      }
    });
    this.#others = read.flat();
  }

  draw() {
    const shown = new Map(this.#others.map((one) => [one.task.taskId, one]));
    for (const entry of this.app.tasks.entries) {
      const id = entry.task.taskId ?? entry.path;
      // The newer of the two is the one that has ended.
      if (!shown.has(id) || runs(shown.get(id).task)) shown.set(id, { ...entry, subject: shown.get(id)?.subject ?? entry.subject });
    }
    const all = [...shown.values()].sort((one, other) => started(other) - started(one));
    if (!all.length) return empty("Nothing was done yet. What is deployed, switched or deleted is listed here.");
    const running = all.filter((one) => runs(one.task)).length;
    return [
      h("p", { class: "soft", role: "status" }, running ? `${many(running, "task")} running` : "No task is running"),
      h("ul", { class: "rows" }, all.map((one) => taskRow(one.task, one.subject))),
    ];
  }
}

// One that was only just asked for has no time yet.
const started = ({ task }) => task.creationTimestamp ?? Number.MAX_SAFE_INTEGER;

const link = (machine) => h("a", { href: `#/machine${pathOf(self(machine))}` }, machine.label || machine.name);
