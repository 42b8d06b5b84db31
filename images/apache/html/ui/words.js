// What the platform's names mean, in words for people, and how numbers and times are written.

const STATES = {
  ON: ["Running", "good"],
  OFF: ["Off", "idle"],
  PAUSED: ["Paused", "warn"],
  LOCKED: ["Working", "busy"],
  NOT_ALLOCATED: ["Not deployed", "idle"],
  ALLOCATED: ["Allocated", "busy"],
  CONFIGURED: ["Configured", "idle"],
  UNKNOWN: ["Unknown", "bad"],
};

const TASK_STATES = {
  PENDING: ["Waiting", "busy"],
  STARTED: ["Running", "busy"],
  FINISHED_SUCCESSFULLY: ["Done", "good"],
  FINISHED_UNSUCCESSFULLY: ["Failed", "bad"],
};

const TASKS = {
  DEPLOY: "Deploy", UNDEPLOY: "Undeploy", POWER_ON: "Power on", POWER_OFF: "Power off", PAUSE: "Pause",
  RESUME: "Resume", RESET: "Reset", RECONFIGURE: "Reconfigure", INSTANCE: "Snapshot", SNAPSHOT: "Snapshot",
  CONVERT: "Convert the template", DISCOVER: "Discover machines", UPLOAD: "Upload",
  DELETE_TEMPLATE: "Delete the template",
};

const SERVICES = {
  VIRTUAL_FACTORY: "Virtual factory", VIRTUAL_SYSTEM_MONITOR: "System monitor",
  APPLIANCE_MANAGER: "Appliance manager", NODE_COLLECTOR: "Node collector", NARS: "Discovery",
  STORAGE_SYSTEM_MONITOR: "Storage monitor", XAS: "Asynchronous services", BPM_SERVICE: "Template conversion",
  DHCP_SERVICE: "DHCP", DHCPV6: "DHCP (IPv6)", REMOTE_ACCESS: "Remote access",
  CLOUD_PROVIDER_PROXY: "Cloud provider proxy", CPP: "Cloud provider proxy",
};

const MACHINE_STATES = {
  MANAGED: ["In service", "good"],
  NOT_MANAGED: ["Not managed", "idle"],
  HALTED: ["Halted", "warn"],
  STOPPED: ["Stopped", "bad"],
  UNLICENSED: ["No licence", "warn"],
};

const DAY_MS = 86_400_000;
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const date = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});

/** A platform's name as words, for names that are not known here: `FOO_BAR` is `Foo bar`. */
export function plain(name) {
  const words = String(name ?? "").replaceAll("_", " ").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const of = (table, name) => table[name] ?? [plain(name) || "Unknown", "idle"];

/** Words and tone (`good`, `idle`, `busy`, `warn`, `bad`) of a virtual machine's state. */
export const stateOf = (name) => of(STATES, name);
export const taskStateOf = (name) => of(TASK_STATES, name);
export const hostStateOf = (name) => of(MACHINE_STATES, name);
export const taskName = (name) => TASKS[name] ?? plain(name);
export const serviceName = (name) => SERVICES[name] ?? plain(name);

const ENDINGS = { START: "started", FINISH: "done", FAIL: "failed" };

/** What an event tells: `POWER_ON_FINISH` is `Power on done`. */
export function eventName(action) {
  const [, name, ending] = /^(.+)_(START|FINISH|FAIL)$/.exec(action ?? "") ?? [];
  return name ? `${taskName(name)} ${ENDINGS[ending]}` : plain(action);
}

/** A time in milliseconds since 1970: of the last day the time alone. */
export function when(ms) {
  if (!ms) return "";
  return Date.now() - ms < DAY_MS ? clock.format(ms) : date.format(ms);
}

/** A count with its noun. */
export const many = (count, one, more = `${one}s`) => `${count} ${count === 1 ? one : more}`;

/** How long something took. */
export function duration(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = ms / 1000;
  return seconds < 90 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds / 60)} min`;
}

/** A size in bytes. */
export function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let size = Number(count) || 0;
  let unit = 0;
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024;
  return `${unit && size < 10 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`;
}
