// What every view has in common: it loads, it draws, it loads again when something happened.

import { h, show } from "./dom.js";
import { heading, loading, trouble } from "./parts.js";

// Events come in bursts: a deploy says several things at once.
const GATHER_MS = 150;

export class View {
  #place = null;
  #loading = false;
  #again = false;
  #timer = null;
  #loaded = false;
  #failure = null;
  #announced = "";
  title = "";

  /** `about` is what the page's address says after the view's name. */
  constructor(app, about) {
    this.app = app;
    this.about = about;
    this.platform = app.platform;
  }

  get isOpen() { return this.#place !== null; }

  open(place) {
    this.#place = place;
    show(place);
    this.redraw();
    place.querySelector("h1")?.focus();
    this.#load();
  }

  close() {
    clearTimeout(this.#timer);
    this.#place = null;
  }

  /** Load again, soon. */
  refresh() {
    clearTimeout(this.#timer);
    if (this.isOpen) this.#timer = setTimeout(() => this.#load(), GATHER_MS);
  }

  /** An event of the platform came in. */
  heard() { this.refresh(); }

  redraw() {
    if (!this.#place) return;
    document.title = `${this.title} – ${this.app.lab.lab}`;
    show(this.#place, heading(this.title, this.#loaded ? this.actions() : []), this.#content());
  }

  #content() {
    if (this.#loaded) return this.draw();
    return this.#failure ? trouble(this.#failure, () => this.refresh()) : loading();
  }

  async #load() {
    if (this.#loading) {
      this.#again = true;
      return;
    }
    this.#loading = true;
    try {
      await this.load();
      this.#loaded = true;
      this.#failure = null;
    } catch (failure) {
      this.#failure = failure;
      if (this.#loaded && !failure.away && failure.status !== 401) this.lost(failure);
    } finally {
      this.#loading = false;
    }
    this.redraw();
    if (this.#again) {
      this.#again = false;
      this.refresh();
    }
  }

  /** Say something to who does not see the page change. */
  announce(words) {
    if (words === this.#announced) return;
    this.#announced = words;
    show(document.getElementById("announcer"), h("p", {}, words));
  }

  /** Do something that the user asked for, and tell when it fails. */
  async attempt(work) {
    try {
      await work();
    } catch (failure) {
      if (failure.status !== 401) this.app.shell.tell(failure.message, "bad");
    }
    this.refresh();
  }

  // What a view says of itself.
  async load() {}
  draw() { return null; }
  actions() { return []; }
  /** What was loaded before cannot be loaded any more. */
  lost(failure) { this.app.shell.tell(failure.message, "bad"); }
}
