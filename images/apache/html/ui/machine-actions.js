// What can be done with a virtual machine, when, and how the user is asked before.

import { link, pathOf } from "./client.js";
import { askText, confirm } from "./dialogs.js";
import { self } from "./platform.js";

const DEPLOYED = ["ON", "OFF", "PAUSED"];

// `states`: where it makes sense; `short`: also offered in the list.
const ALL = [
  { name: "deploy", words: "Deploy", symbol: "play", states: ["NOT_ALLOCATED"], short: true },
  { name: "on", words: "Power on", symbol: "power", states: ["OFF"], short: true },
  { name: "resume", words: "Resume", symbol: "play", states: ["PAUSED"], short: true },
  { name: "off", words: "Power off", symbol: "power", states: ["ON", "PAUSED"], short: true },
  { name: "console", words: "Console", symbol: "screen", states: ["ON", "PAUSED"], short: true },
  { name: "pause", words: "Pause", symbol: "pause", states: ["ON"] },
  { name: "reset", words: "Reset", symbol: "reset", states: ["ON"] },
  { name: "snapshot", words: "Take a snapshot", symbol: "camera", states: DEPLOYED },
  { name: "undeploy", words: "Undeploy", symbol: "undeploy", states: DEPLOYED },
  { name: "delete", words: "Delete", symbol: "trash", states: ["NOT_ALLOCATED", "UNKNOWN"], kind: "danger" },
];

// What a machine can have at any time, so that buttons do not come and go while it works.
const ALWAYS = new Set(["console", "snapshot", "undeploy", "delete", "pause", "reset"]);

/** The actions to show for a machine; one that makes no sense now says why in `off`. */
export function offers(machine, { short = false } = {}) {
  const locked = machine.state === "LOCKED";
  return ALL.filter((one) => !short || one.short).flatMap((one) => {
    const fits = one.states.includes(machine.state);
    if (fits) return [{ ...one, off: "" }];
    if (!ALWAYS.has(one.name) || (short && one.name === "console" && !locked)) return [];
    const off = locked ? "The machine is being worked on" : `Not while it is in this state`;
    return [{ ...one, off }];
  });
}

/** Where a machine is, in words. */
export function placeOf(machine) {
  const named = (rel) => link(machine, rel)?.title;
  return [named("location") ?? named("virtualdatacenter"), addressOf(machine)].filter(Boolean).join(" · ");
}

export const addressOf = (machine) =>
  machine.address || machine.links?.find((one) => /^(nic0|privateip|externalip)$/.test(one.rel))?.title || "";

/** Do one of the actions for a view, after asking where it loses something. */
export async function run(view, machine, name) {
  const { app } = view;
  const { platform, tasks } = app;
  const label = machine.label || machine.name;
  const act = async (action, detail) => tasks.follow(await platform.act(machine, action, detail), label);
  switch (name) {
    case "console":
      app.go("console", pathOf(self(machine)));
      return;
    case "snapshot":
      await askText({
        title: `Snapshot of ${label}`, label: "Name of the new template", value: `${label} snapshot`,
        action: "Take the snapshot", hint: "Its disk becomes a template of the same location.",
      }, (text) => act("snapshot", text));
      break;
    case "undeploy":
      await confirm(`Undeploy ${label}?`, "It is switched off and taken from its hypervisor, and what is on its disk is lost.",
        "Undeploy", () => act("undeploy"));
      break;
    case "delete":
      await remove(view, machine, label);
      return;
    default:
      await view.attempt(() => act(name));
      return;
  }
  view.refresh();
}

async function remove(view, machine, label) {
  const done = await confirm(`Delete ${label}?`, "It disappears from the list for good.", "Delete", async () => {
    view.app.tasks.follow(await view.platform.remove(machine), label);
  });
  if (!done) return;
  view.app.shell.tell(`${label} is deleted.`);
  view.gone?.();
  view.refresh();
}
