// What happened on the platform: the newest first, page by page, and the newest page alive.

import { h } from "../dom.js";
import { badge, empty, pager } from "../parts.js";
import { problem } from "../tasks.js";
import { View } from "../view.js";
import { eventName, plain, when } from "../words.js";

const TONES = { INFO: "idle", NORMAL: "idle", WARN: "warn", WARNING: "warn", MINOR: "warn", MAJOR: "bad", ERROR: "bad", CRITICAL: "bad" };

export class Events extends View {
  title = "Events";
  #page = null;
  #at = null;

  async load() { this.#page = await this.platform.events(this.#at); }

  // Who reads an older page is not disturbed.
  heard() { if (!this.#at) this.refresh(); }

  draw() {
    const { collection } = this.#page;
    if (!collection.length) return empty("Nothing happened yet.");
    return [
      h("p", { class: "soft" }, this.#at ? "An older page: new events are on the first one." : "New events appear by themselves."),
      h("ol", { class: "rows events", role: "list" }, collection.map((one) => row(one))),
      pager(this.#page, (to) => { this.#at = to.rel === "first" || isFirst(to) ? null : to; this.refresh(); }, "Pages of events"),
    ];
  }
}

const isFirst = (to) => ["0", null].includes(new URL(to.href, location.origin).searchParams.get("startwith"));

function row(event) {
  const severity = event.severity ?? "INFO";
  return h("li", { class: "row event", key: `event-${event.id ?? event.timestamp}` },
    h("time", { datetime: new Date(event.timestamp).toISOString() }, when(event.timestamp)),
    h("strong", {}, title(event)),
    badge([plain(severity), TONES[severity] ?? "idle"]),
    h("span", { class: "soft" }, [event.performedBy ?? event.user, event.component].filter(Boolean).join(" · ")),
    event.details?.error ? h("p", { class: "problem" }, problem(event.details)) : null);
}

/** `DEPLOY` of a `VIRTUAL_MACHINE` called web is `Deploy: virtual machine web`. */
function title(event) {
  const what = plain(event.type ?? event.entity).toLowerCase();
  const name = event.virtualMachine ?? event.details?.label ?? event.details?.name ?? "";
  return `${eventName(event.actionPerformed ?? event.action)}: ${[what, name].filter(Boolean).join(" ")}`;
}
