// Datacenters and public cloud regions, their servers, and how each of them is.

import { each } from "../client.js";
import { h } from "../dom.js";
import { badge, button, empty } from "../parts.js";
import { View } from "../view.js";
import { hostStateOf, many, serviceName } from "../words.js";

const LOOK_MS = 15_000;

/** The server that a remote service is on, as its address names it. */
function serverOf(service) {
  try {
    // A scheme that the browser does not know (omapi, guacd) keeps its address in one piece; http has parts.
    return new URL(service.uri.replace(/^[a-z0-9+.-]+:\/\//i, "http://")).hostname;
  } catch {
    return service.uri ?? "";
  }
}

export class Overview extends View {
  title = "Overview";
  #sites = [];
  #health = new Map();
  #counts = null;
  #timer = null;

  async load() {
    clearTimeout(this.#timer);
    const sites = await this.platform.sites();
    this.#sites = await each(sites, async (site) => {
      let problem = "";
      // What cannot be had of one site hides nothing of the others.
      const part = (work) => work.catch((failure) => {
        if (failure.away || failure.status === 401) throw failure;
        problem = failure.message;
        return [];
      });
      const [services, hosts] = await Promise.all([
        part(this.platform.remoteServices(site)), part(this.platform.hosts(site)),
      ]);
      return { site, services, hosts, problem };
    });
    this.#counts = await this.#count();
    this.#look();
  }

  close() {
    clearTimeout(this.#timer);
    super.close();
  }

  // Health is asked for by the clock, and nothing that users do changes it: only machines are counted anew.
  async heard() {
    try {
      this.#counts = await this.#count();
      this.redraw();
    } catch {
      // The next look tells.
    }
  }

  async #count() {
    const page = await this.platform.machines();
    return { all: page.totalSize, running: page.collection.filter((one) => one.state === "ON").length, page };
  }

  /** Let the API check every remote service, then again after a while. */
  async #look() {
    const services = this.#sites.flatMap((one) => one.services);
    try {
      await each(services, async (service) => {
        const why = await this.platform.check(service);
        if (!this.isOpen) return;
        this.#health.set(keyOf(service), { why, at: Date.now() });
        this.redraw();
      });
    } catch {
      // Without the API nothing is known; the page says so.
      this.#health.clear();
      this.redraw();
    }
    if (!this.isOpen) return;
    const sick = services.filter((one) => this.#health.get(keyOf(one))?.why);
    this.announce(sick.length ? `${many(sick.length, "service")} not well` : "All services are well");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), LOOK_MS);
  }

  actions() { return [button("Check now", () => this.refresh(), { symbol: "refresh" })]; }

  draw() {
    if (!this.#sites.length) return empty("There is no datacenter and no region yet.");
    return [this.#summary(), this.#sites.map((one) => this.#site(one))];
  }

  #summary() {
    const known = this.#sites.flatMap((one) => one.services).map((one) => this.#health.get(keyOf(one)));
    const well = known.filter((one) => one && !one.why).length;
    const figure = (value, words, href) => h("li", {}, h("a", { href }, h("strong", {}, value), h("span", {}, words)));
    const hypervisors = this.#sites.reduce((sum, one) => sum + one.hosts.length, 0);
    const more = this.#counts.all > this.#counts.page.collection.length ? "+" : "";
    return h("ul", { class: "figures", "aria-label": "Summary" },
      figure(`${well} / ${known.length}`, "services well", "#/overview"),
      figure(`${this.#counts.running}${more}`, "machines running", "#/machines"),
      figure(String(this.#counts.all), "machines in all", "#/machines"),
      figure(String(hypervisors), hypervisors === 1 ? "hypervisor" : "hypervisors", "#/overview"));
  }

  #site({ site, services, hosts, problem }) {
    const servers = Map.groupBy(services, serverOf);
    return h("section", { class: "card", key: `site-${site.region}-${site.id}`, "aria-labelledby": `site-${site.region}-${site.id}` },
      h("div", { class: "heading" }, h("h2", { id: `site-${site.region}-${site.id}` }, site.name),
        h("span", { class: "soft" }, site.region ? "Public cloud region" : "Datacenter", site.location ? ` · ${site.location}` : "")),
      problem ? h("p", { class: "problem" }, `Not all of it can be shown: ${problem}.`) : null,
      h("ul", { class: "servers" },
        [...servers].map(([server, mine]) => this.#server(server, mine)),
        hosts.map((one) => host(one))));
  }

  #server(server, services) {
    return h("li", { key: server }, h("h3", {}, server), h("ul", { class: "services" },
      services.map((service) => {
        const health = this.#health.get(keyOf(service));
        const state = !health ? ["Asking", "busy"] : health.why ? ["Not well", "bad"] : ["Well", "good"];
        return h("li", { key: keyOf(service) }, h("span", {}, serviceName(service.type)), badge(state),
          health?.why ? h("small", {}, health.why) : null);
      })));
  }
}

const keyOf = (service) => `${service.type} ${service.uri}`;

function host(machine) {
  return h("li", { key: `host-${machine.ip ?? machine.name}` }, h("h3", {}, machine.name),
    h("ul", { class: "services" }, h("li", {}, h("span", {}, `Hypervisor ${machine.type ?? ""}`), badge(hostStateOf(machine.state)))));
}
