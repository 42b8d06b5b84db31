// What the page does with the platform, said in the platform's documents. Every address comes from a link:
// the page knows the entry point and the names of relations.

import { Failure, each, link, links, mediaType, pathOf } from "./client.js";
import { surely } from "./lost.js";

/** A link that must be there. */
function need(document, rel, what) {
  const found = link(document, rel);
  if (!found) throw new Failure(`The API offers no ${what} here.`, 404);
  return found;
}

export class Platform {
  #enterprise = null;
  root = null;

  constructor(client) {
    this.client = client;
  }

  /** Take the document of the entry point, from which everything else is reached. */
  enter(root) {
    this.root = root;
    this.#enterprise = null;
  }

  async enterprise() {
    this.#enterprise ??= await this.client.get(need(this.root, "enterprise", "enterprise"));
    return this.#enterprise;
  }

  /** Datacenters and public cloud regions, with `region` true for the latter. */
  async sites() {
    const read = async (rel, region) => {
      const to = link(this.root, rel);
      return to ? (await this.client.all(to)).map((one) => ({ ...one, region })) : [];
    };
    return (await Promise.all([read("datacenters", false), read("publiccloudregions", true)])).flat();
  }

  async remoteServices(site) {
    const to = link(site, "remoteservices");
    return to ? this.client.all(to) : [];
  }

  /** Whether a remote service is well, by the API's own check: null when it is, otherwise why not. */
  async check(service) {
    const to = link(service, "check");
    if (!to) return null;
    try {
      await this.client.send(to, { accept: "*/*" });
      return null;
    } catch (failure) {
      // An absent API says nothing about the service.
      if (failure.status === 0 || failure.status === 401) throw failure;
      return failure.message;
    }
  }

  /** The hypervisors of a datacenter, over all its racks. */
  async hosts(site) {
    const to = link(site, "racks");
    if (!to) return [];
    const racks = await this.client.all(to);
    const machines = racks.map((rack) => link(rack, "machines")).filter(Boolean);
    return (await each(machines, (one) => this.client.all(one))).flat();
  }

  /** A page of virtual machines; `to` is a link to one, the first by default. */
  machines(to = null) {
    return this.client.get(to ?? need(this.root, "virtualmachines", "virtual machines"));
  }

  machine(path) {
    return this.client.get({ href: path, type: mediaType("virtualmachine") });
  }

  /** Where virtual machines can be deployed: places with the templates that are there. */
  async places() {
    const repositories = link(await this.enterprise(), "datacenterrepositories");
    const [locations, stores] = await Promise.all([
      this.client.all(need(this.root, "locations", "locations")),
      repositories ? this.client.all(repositories) : [],
    ]);
    return locations.map((location) => ({
      location, store: stores.find((one) => sameSite(one, location)) ?? null,
    }));
  }

  async templates(store) {
    return store ? this.client.all(need(store, "virtualmachinetemplates", "templates")) : [];
  }

  /** Make a virtual machine, with a virtual datacenter and a virtual appliance where there is none yet. */
  async create({ location, template, label }) {
    const all = need(this.root, "virtualdatacenters", "virtual datacenters");
    const of = async (to, fits) => (await this.client.all(to)).find(fits);
    const here = (one) => sameSite(one, location);
    const datacenter = await of(all, here)
      ?? await surely(() => this.#createDatacenter(all, location), () => of(all, here));
    const appliances = need(datacenter, "virtualappliances", "virtual appliances");
    const first = () => of(appliances, () => true);
    const appliance = await first() ?? await surely(
      () => this.client.post(appliances, "virtualappliance", { name: "Virtual machines", links: [] }), first);
    const machines = need(appliance, "virtualmachines", "virtual machines");
    const kind = { ...self(template), rel: "virtualmachinetemplate" };
    // Among those of this name and template the newest, if nobody has deployed it.
    const made = async () => (await this.client.all(machines))
      .filter((one) => one.label === label && links(one, kind.rel).some((is) => pathOf(is) === pathOf(kind)))
      .sort((one, other) => other.id - one.id).slice(0, 1).find((one) => one.state === "NOT_ALLOCATED");
    return surely(() => this.client.post(machines, "virtualmachine", { label, links: [kind] }), made);
  }

  async #createDatacenter(to, location) {
    const enterprise = { ...self(await this.enterprise()), rel: "enterprise" };
    return this.client.post(to, "virtualdatacenter", {
      name: location.name, hypervisorType: "KVM", links: [enterprise, { ...self(location), rel: "location" }],
    });
  }

  /** Ask for something that takes time; returns the link of the task. `action` is a name of `ACTIONS`. */
  async act(machine, action, detail = "") {
    const { rel, method, entity, body, task } = ACTIONS[action];
    const to = need(machine, rel, `way to ${action}`);
    const history = need(machine, "tasks", "tasks of this machine");
    const newest = async () => (await this.client.get(history)).collection;
    const before = new Set((await newest()).map((one) => one.taskId));
    return surely(async () => {
      const accepted = await this.client.write(method, to, entity, body?.(detail));
      return link(accepted, "status") ?? link(accepted, "task") ?? null;
    }, async () => {
      const begun = (await newest()).find((one) => one.type === task && !before.has(one.taskId));
      return begun && need(begun, "self", "address of this task");
    });
  }

  /** Delete what a document's own link leads to; the link of the task when it takes time. */
  async remove(document) {
    const to = self(document);
    return surely(async () => {
      const accepted = await this.client.remove(to);
      return accepted ? link(accepted, "status") ?? null : null;
    }, () => this.client.get(to).then(() => undefined, (failure) => {
      if (failure.status === 404) return null;
      throw failure;
    }));
  }

  /** A fresh address of a machine's console; it opens once. `who` has name and
   * password where the machine asks for them. */
  async console(machine, { rel, protocol }, who = {}) {
    const to = need(machine, "remoteaccess", "console of this machine");
    // A token that nobody takes ends by itself.
    const opened = await this.client.post(to, "remoteaccess", protocol ? { protocol, ...who } : {}, { again: true });
    return need(opened, rel, "console of this kind").href;
  }

  async tasks(machine) {
    const to = link(machine, "tasks");
    return to ? this.client.all(to, 100) : [];
  }

  events(to = null) {
    return this.client.get(to ?? need(this.root, "events", "events"));
  }
}

/** What can be asked of a virtual machine: relation, method, the entity that is sent, its contents, the kind of task. */
const ACTIONS = {
  deploy: { rel: "deploy", method: "POST", entity: "virtualmachinetask", body: () => ({}), task: "DEPLOY" },
  undeploy: {
    rel: "undeploy", method: "POST", entity: "virtualmachinetask", body: () => ({ forceUndeploy: true }), task: "UNDEPLOY",
  },
  reset: { rel: "reset", method: "POST", entity: "virtualmachinetask", task: "RESET" },
  snapshot: {
    rel: "instance", method: "POST", entity: "virtualmachineinstance", body: (name) => ({ instanceName: name }), task: "INSTANCE",
  },
  on: switched("ON", "POWER_ON"),
  resume: switched("ON", "RESUME"),
  off: switched("OFF", "POWER_OFF"),
  pause: switched("PAUSED", "PAUSE"),
};

function switched(state, task) {
  return { rel: "state", method: "PUT", entity: "virtualmachinestate", body: () => ({ state }), task };
}

/** A document's link to itself. */
export const self = (document) => link(document, "edit") ?? link(document, "self") ?? need(document, "location", "address");

/** Which datacenter or region a document is about, by the number in its links. */
function sameSite(one, location) {
  const places = ["location", "datacenter", "publiccloudregion", "edit", "self"];
  const numbers = (document) => new Set(places.flatMap((rel) => links(document, rel).map(pathOf)));
  const theirs = numbers(location);
  return [...numbers(one)].some((path) => theirs.has(path));
}
