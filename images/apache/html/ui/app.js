// Starts the page: configuration, session, and which view is open.

import { Client, mediaType } from "./client.js";
import { Platform } from "./platform.js";
import { Shell } from "./shell.js";
import { Stream } from "./stream.js";
import { TaskWatch, outcome } from "./tasks.js";
import { login } from "./views/login.js";
import { ROUTES } from "./routes.js";

const TOKEN = "labgen.token";
const PROBE_MS = 3_000;

class App {
  #view = null;
  #user = null;

  constructor(config, lab) {
    this.lab = lab;
    this.client = new Client(config["config.endpoint"] ?? "/api");
    this.platform = new Platform(this.client);
    this.stream = new Stream("/m/stream");
    this.tasks = new TaskWatch(this.client);
    this.shell = new Shell(this);
    this.#connect();
  }

  /** What the entry point said of who is here, or null. */
  get user() { return this.#user; }

  async start() {
    const token = sessionStorage.getItem(TOKEN);
    if (!token) return this.#askWho();
    this.client.token = token;
    try {
      await this.#enter(await this.#entrance());
    } catch (failure) {
      if (failure.status === 401) return; // the `expired` event has led to the log-in
      // The banner tells that the API is away; when it is back, this is done again.
      this.client.addEventListener("back", () => this.start(), { once: true });
      if (!failure.away) this.shell.tell(failure.message, "bad");
    }
    return undefined;
  }

  /** Exchange a password for a session's token. Throws `Failure`. */
  async logIn(name, password) {
    const bytes = new TextEncoder().encode(`${name}:${password}`);
    const authorization = `Basic ${btoa(String.fromCharCode(...bytes))}`;
    const answer = await this.#entrance(authorization);
    this.client.token = answer.headers.get("X-Abiquo-Token");
    sessionStorage.setItem(TOKEN, this.client.token);
    await this.#enter(answer);
  }

  async logOut() {
    const to = this.#user?.links?.find((one) => one.rel === "logout");
    try {
      if (to) await this.client.send(to, { method: "POST", accept: "*/*" });
    } catch {
      // The token ends by itself; here it is forgotten in any case.
    }
    this.tasks.forget();
    this.#leave();
    this.#askWho("You are logged out.");
  }

  /** Load the open view anew, soon. */
  refresh() { this.#view?.refresh(); }

  /** Go to another view: a name of `ROUTES`, and what it is about. */
  go(name, about = "") { location.hash = `#/${name}${about}`; }

  #entrance(authorization) {
    const to = { href: `${this.client.endpoint}/login`, type: mediaType("user") };
    return this.client.send(to, { authorization });
  }

  async #enter(answer) {
    this.#user = await answer.json();
    this.platform.enter(this.#user);
    this.tasks.restore();
    this.stream.open(this.client.token);
    this.#route();
  }

  #leave() {
    this.stream.close();
    this.#user = null;
    this.client.token = null;
    sessionStorage.removeItem(TOKEN);
  }

  #askWho(message = "") {
    this.#close();
    this.shell.draw();
    login(this, this.shell.main, message);
  }

  #close() {
    this.#view?.close();
    this.#view = null;
  }

  #route() {
    if (!this.#user) return;
    const [, name = "", about = ""] = /^#\/(\w*)(.*)$/.exec(location.hash) ?? [];
    const View = ROUTES[name] ?? ROUTES.overview;
    this.#close();
    this.#view = new View(this, about);
    this.shell.draw(ROUTES[name] ? name : "overview");
    this.#view.open(this.shell.main);
  }

  #connect() {
    window.addEventListener("hashchange", () => this.#route());
    this.client.addEventListener("expired", () => {
      if (!this.#user && !this.client.token) return;
      this.#leave();
      this.#askWho("Your session has ended. Log in again, and you are back where you were.");
    });
    this.stream.addEventListener("refused", () => this.client.dispatchEvent(new Event("expired")));
    this.stream.addEventListener("state", () => {
      this.shell.draw();
      // What was said meanwhile was not heard.
      if (this.stream.state === "live") this.refresh();
    });
    this.stream.addEventListener("heard", ({ detail }) => {
      this.#view?.heard(detail);
      this.tasks.look();
    });
    this.tasks.addEventListener("changed", () => this.#view?.redraw());
    this.tasks.addEventListener("ended", ({ detail }) => {
      this.shell.tell(outcome(detail), detail.task.state === "FINISHED_SUCCESSFULLY" ? "good" : "bad");
      this.refresh();
    });
    this.client.addEventListener("away", ({ detail }) => {
      this.shell.apiAway(detail);
      setTimeout(() => this.#probe(), PROBE_MS);
    });
    this.client.addEventListener("back", () => {
      this.shell.apiBack();
      this.stream.hurry();
      this.refresh();
    });
  }

  /** Ask the API whether it is back, again and again; the client tells when it is. */
  async #probe() {
    try {
      // Where there is a session, sessions too must be back.
      if (this.client.token) await this.#entrance();
      else await this.client.send(`${this.client.endpoint}/version`, { accept: "text/plain" });
    } catch (failure) {
      if (failure.away) setTimeout(() => this.#probe(), PROBE_MS);
    }
  }
}

const read = async (path) => (await fetch(path, { cache: "no-store" })).json();

try {
  const [config, lab] = await Promise.all([read("config/client-config-custom.json"), read("config/lab.json")]);
  await new App(config, lab).start();
} catch (error) {
  document.getElementById("main").textContent = `The page’s configuration cannot be read (${error.message}).`;
}
