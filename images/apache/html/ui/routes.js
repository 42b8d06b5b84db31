// The views by their names in the page's address.

import { Console } from "./views/console.js";
import { Events } from "./views/events.js";
import { Machine } from "./views/machine.js";
import { Machines } from "./views/machines.js";
import { Overview } from "./views/overview.js";
import { Tasks } from "./views/tasks.js";
import { Templates } from "./views/templates.js";

export const ROUTES = {
  overview: Overview,
  machines: Machines,
  machine: Machine,
  console: Console,
  tasks: Tasks,
  templates: Templates,
  events: Events,
};
