// What surrounds every view: the bar, the navigation, and what the page has to say.

import { h, icon, show } from "./dom.js";
import { button } from "./parts.js";

const PLACES = [
  ["overview", "Overview"], ["machines", "Machines"], ["tasks", "Tasks"], ["templates", "Templates"],
  ["events", "Events"],
];
// Views that belong to a place of the navigation without being it.
const WITHIN = { machine: "machines", console: "machines" };
const STREAM = {
  closed: ["Events are off", "idle"],
  opening: ["Connecting to events", "busy"],
  live: ["Live", "good"],
  away: ["Events are away", "warn"],
};
const NOTICE_MS = 10_000;
const MOST_NOTICES = 4;

export class Shell {
  #app;
  #here = "";
  #notices = [];
  #number = 0;

  constructor(app) {
    this.#app = app;
    this.main = document.getElementById("main");
    document.getElementById("skip").addEventListener("click", (event) => {
      event.preventDefault();
      this.main.focus();
    });
    this.draw();
  }

  /** Draw bar and navigation; `here` is the view that is open. */
  draw(here = this.#here) {
    this.#here = here;
    const { user, lab } = this.#app;
    document.body.classList.toggle("inside", Boolean(user));
    show(document.getElementById("bar"),
      h("a", { class: "brand", href: "#/overview" },
        h("img", { src: "icon.svg", alt: "", width: "32", height: "32" }),
        h("span", {}, h("strong", {}, lab.lab), h("small", {}, "labgen"))),
      user ? this.#session(user) : null);
    show(document.getElementById("nav"), user ? h("ul", {}, PLACES.map(([name, words]) => this.#place(name, words))) : null);
    document.getElementById("nav").hidden = !user;
  }

  #place(name, words) {
    const current = (WITHIN[this.#here] ?? this.#here) === name;
    return h("li", {}, h("a", { href: `#/${name}`, "aria-current": current ? "page" : null },
      icon(name), h("span", {}, words)));
  }

  #session(user) {
    const [words, tone] = STREAM[this.#app.stream.state];
    const away = tone === "warn";
    return h("div", { class: "session" },
      h("span", { id: "stream", class: "badge", "data-tone": tone, role: "status" }, words),
      away ? button("Try now", () => this.#app.stream.hurry(), { kind: "small", symbol: "refresh" }) : null,
      h("span", { class: "who" }, user.nick),
      button("Log out", () => this.#app.logOut(), { kind: "small quiet", symbol: "leave" }));
  }

  /** Say what happened; what is no good news stays until it is dismissed. */
  tell(words, tone = "good") {
    const notice = { words, tone, key: `notice-${++this.#number}` };
    this.#notices = [...this.#notices, notice].slice(-MOST_NOTICES);
    this.#drawNotices();
    if (tone === "good") setTimeout(() => this.#dismiss(notice), NOTICE_MS);
  }

  #dismiss(notice) {
    this.#notices = this.#notices.filter((one) => one !== notice);
    this.#drawNotices();
  }

  #drawNotices() {
    show(document.getElementById("notices"), this.#notices.map((one) =>
      h("div", { class: "notice", "data-tone": one.tone, key: one.key }, h("p", {}, one.words),
        button(`Dismiss: ${one.words}`, () => this.#dismiss(one), { symbol: "close", kind: "small quiet", hide: true }))));
  }

  apiAway(failure) {
    show(document.getElementById("banner"),
      h("p", {}, h("strong", {}, "The API is away. "), `${failure.message} The page tries again by itself.`));
  }

  apiBack() { show(document.getElementById("banner")); }
}
