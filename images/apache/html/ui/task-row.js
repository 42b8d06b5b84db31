// A task as a line of a list: what, how far, and what went wrong.

import { h } from "./dom.js";
import { badge } from "./parts.js";
import { problem, progress, runs } from "./tasks.js";
import { duration, taskName, taskStateOf, when } from "./words.js";

export function taskRow(task, subject = null) {
  const name = taskName(task.type);
  const jobs = (task.jobs?.collection ?? []).map((one) => taskName(one.type)).join(", ");
  const failed = task.state === "FINISHED_UNSUCCESSFULLY";
  return h("li", { class: "row task", key: `task-${task.taskId ?? task.id}` },
    h("strong", {}, name, subject ? [" ", subject] : null),
    badge(taskStateOf(task.state)),
    h("span", { class: "soft" }, when(task.creationTimestamp), took(task), jobs && jobs !== name ? ` · ${jobs}` : ""),
    runs(task) ? bar(name, progress(task)) : null,
    failed ? h("p", { class: "problem" }, problem(task) || "The platform does not say why.") : null);
}

function took(task) {
  if (runs(task) || !task.timestamp || !task.creationTimestamp) return "";
  return ` · ${duration(task.timestamp - task.creationTimestamp)}`;
}

const bar = (name, share) => h("progress", { "aria-label": `${name}: how far`, max: "1", value: share === null ? null : String(share) });
