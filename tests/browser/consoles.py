"""What stands in for the consoles' own modules: no machine is behind the page."""

#: What stands in for noVNC: a screen that takes every key, as the real one does.
RFB = """
export default class RFB extends EventTarget {
  constructor(place, address) {
    super();
    this.canvas = document.createElement("canvas");
    this.canvas.tabIndex = 0;
    this.canvas.dataset.address = address;
    this.canvas.addEventListener("keydown", (event) => event.preventDefault());
    place.append(this.canvas);
    queueMicrotask(() => this.dispatchEvent(new Event("connect")));
  }
  focus() { this.canvas.focus(); }
  blur() { this.canvas.blur(); }
  disconnect() { this.dispatchEvent(new CustomEvent("disconnect", { detail: { clean: true } })); }
}
"""

#: What stands in for Guacamole's: connected at once.
GUACAMOLE = """
export const connect = () => ({ set onstate(tell) { tell("connected", ""); }, disconnect() {} });
"""
