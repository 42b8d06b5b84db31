// The screen of a virtual machine, in the page.

import { KINDS } from "../consoles.js";
import { openForm } from "../dialogs.js";
import { h, keep } from "../dom.js";
import { badge, button, field } from "../parts.js";
import { View } from "../view.js";
import { stateOf } from "../words.js";

const STATES = { idle: ["Not open", "idle"], connecting: ["Connecting", "busy"], connected: ["Connected", "good"], closed: ["Closed", "warn"] };
// The key that leaves the screen, for Tab and all others belong to the machine behind it.
const LEAVE = "F8";

/** Name and password at the machine itself; null when the user thought better of it. */
async function askLogin(title, asks) {
  const username = h("input", { id: "guest-name", required: !asks, autocomplete: "off", autocapitalize: "none" });
  const password = h("input", { id: "guest-password", type: "password", autocomplete: "off" });
  const done = await openForm({
    title, fields: [field("Name at the machine", username, asks ? "Without one the machine asks itself." : ""), field("Password at the machine", password)],
    action: "Open", submit: async () => {},
  });
  return done ? { username: username.value, password: password.value } : null;
}

export class Console extends View {
  title = "Console";
  #machine = null;
  #kind = KINDS[0];
  #state = "idle";
  #words = "";
  #session = null;
  #attempt = 0;
  #screen = h("div", { id: "screen", role: "application", "aria-label": "Screen of the machine" });

  constructor(app, about) {
    super(app, about);
    this.#screen.addEventListener("keydown", (event) => this.#maybeLeave(event), { capture: true });
  }

  async load() {
    const first = !this.#machine;
    this.#machine = await this.platform.machine(this.about);
    this.title = `Console of ${this.#machine.label || this.#machine.name}`;
    if (first && this.isOpen) this.#open();
  }

  close() {
    this.#end();
    super.close();
  }

  actions() { return [h("span", { id: "state" }, badge(stateOf(this.#machine.state)))]; }

  draw() {
    const live = this.#state === "connected";
    return [
      h("p", {}, h("a", { href: `#/machine${this.about}` }, "Back to the machine")),
      h("div", { class: "card console" },
        h("div", { class: "toolbar" },
          h("label", { for: "kind" }, "Console"),
          h("select", { id: "kind", on: { change: (event) => this.#choose(event.target.value) } },
            KINDS.map((one) => h("option", { value: one.name, selected: one === this.#kind }, one.words))),
          h("span", { role: "status" }, badge(STATES[this.#state])),
          h("span", { class: "actions" },
            live ? null : button("Connect", () => this.#open(), { symbol: "play", kind: "small", off: this.#state === "connecting" ? "It is connecting" : "" }),
            live && this.#session?.keys ? button("Ctrl+Alt+Del", () => this.#session.keys(), { kind: "small" }) : null,
            live ? button("Disconnect", () => this.#end(), { symbol: "close", kind: "small" }) : null,
            button("Full screen", () => this.#screen.requestFullscreen(), { symbol: "full", kind: "small", off: live ? "" : "The console is not open" }))),
        this.#words ? h("p", { class: "problem", role: "alert" }, this.#words) : null,
        keep(this.#screen),
        h("p", { class: "soft small", id: "leave" }, `While the screen has the focus, keys go to the machine: ${LEAVE} gives the focus back to the page.`)),
    ];
  }

  #choose(name) {
    this.#kind = KINDS.find((one) => one.name === name);
    this.#open();
  }

  async #open() {
    this.#end();
    const mine = ++this.#attempt;
    const who = this.#kind.login ? await askLogin(this.title, this.#kind.asks) : {};
    if (!who || mine !== this.#attempt) return;
    this.#tell("connecting", "");
    try {
      const address = await this.platform.console(this.#machine, this.#kind, who);
      if (mine !== this.#attempt || !this.isOpen) return;
      const session = await this.#kind.open(this.#screen, address, (state, words) => {
        if (mine === this.#attempt) this.#tell(state, state === "closed" ? words : "");
      });
      if (mine === this.#attempt && this.isOpen) this.#session = session;
      else session.close();
    } catch (failure) {
      if (mine === this.#attempt) this.#tell("closed", failure.message);
    }
    this.redraw();
  }

  #end() {
    this.#attempt++;
    this.#session?.close();
    this.#session = null;
    this.#screen.replaceChildren();
    this.#tell("idle", "");
  }

  #tell(state, words) {
    this.#state = state;
    this.#words = words;
    this.redraw();
  }

  #maybeLeave(event) {
    if (event.key !== LEAVE) return;
    event.preventDefault();
    event.stopPropagation();
    this.#session?.release();
    document.getElementById("kind")?.focus();
  }
}
