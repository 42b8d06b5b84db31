// Tasks that this page started: followed until they end, whatever view is open.

import { pathOf } from "./client.js";
import { taskName } from "./words.js";

const LOOK_MS = 1_000;
const KEPT = 30;
const STORE = "labgen.tasks";
const RUNNING = new Set(["PENDING", "STARTED"]);

export const runs = (task) => RUNNING.has(task.state);

/** How far a task is, from 0 to 1; null where nobody knows. */
export function progress(task) {
  if (typeof task.progress === "number") return task.progress > 1 ? task.progress / 100 : task.progress;
  const jobs = task.jobs?.collection ?? [];
  if (!jobs.length) return null;
  return jobs.filter((one) => one.state === "DONE" || one.state?.startsWith("FINISHED")).length / jobs.length;
}

/** Why a task failed, in words. */
export function problem(task) {
  const failed = task.jobs?.collection?.find((one) => one.error);
  const words = task.error || task.message || failed?.error || "";
  const fault = task.fault || failed?.fault || "";
  return fault && !words.includes(fault) ? `${words} (at fault: ${fault})` : words;
}

/** Events: `changed` when a followed task is otherwise than before, `ended` with the entry as detail. */
export class TaskWatch extends EventTarget {
  #client;
  /** Entries {path, subject, task}, the newest first. */
  entries = [];
  #timer = null;

  constructor(client) {
    super();
    this.#client = client;
  }

  /** Take up what an earlier page of this session followed. */
  restore() {
    try {
      this.entries = JSON.parse(sessionStorage.getItem(STORE)) ?? [];
    } catch {
      this.entries = [];
    }
    this.look();
  }

  forget() {
    clearTimeout(this.#timer);
    this.entries = [];
    sessionStorage.removeItem(STORE);
  }

  /** Follow the task of a link; `subject` is what it is about, in words. */
  follow(to, subject) {
    if (!to) return;
    this.entries = [{ path: pathOf(to), subject, task: { state: "PENDING" } }, ...this.entries].slice(0, KEPT);
    this.#changed();
    this.look();
  }

  /** Look now at every task that has not ended, and again in a second while there is one. */
  async look() {
    clearTimeout(this.#timer);
    const open = this.entries.filter((one) => runs(one.task));
    await Promise.all(open.map((one) => this.#read(one)));
    clearTimeout(this.#timer);
    if (this.entries.some((one) => runs(one.task))) this.#timer = setTimeout(() => this.look(), LOOK_MS);
  }

  async #read(entry) {
    let task;
    try {
      task = await this.#client.get(entry.path);
    } catch (failure) {
      if (failure.away || failure.status === 401) return;
      task = { ...entry.task, state: "FINISHED_UNSUCCESSFULLY", error: failure.message };
    }
    if (!this.entries.includes(entry) || !runs(entry.task)) return;
    entry.task = task;
    this.#changed();
    if (!runs(task)) this.dispatchEvent(new CustomEvent("ended", { detail: entry }));
  }

  #changed() {
    sessionStorage.setItem(STORE, JSON.stringify(this.entries));
    this.dispatchEvent(new Event("changed"));
  }
}

/** What became of a task, in one sentence. */
export function outcome({ task, subject }) {
  const name = taskName(task.type);
  if (task.state === "FINISHED_SUCCESSFULLY") return `${name} of ${subject}: done.`;
  return `${name} of ${subject} failed: ${problem(task) || "the platform does not say why"}.`.replace("..", ".");
}
