// Keyboard and pointer of a console: what the browser tells becomes Guacamole's `key` and `mouse`.

// Keys without a character, by the browser's name: the numbers are X11's keysyms.
const KEYSYMS = {
  Backspace: 0xff08, Tab: 0xff09, Enter: 0xff0d, Pause: 0xff13, ScrollLock: 0xff14, Escape: 0xff1b,
  Home: 0xff50, ArrowLeft: 0xff51, ArrowUp: 0xff52, ArrowRight: 0xff53, ArrowDown: 0xff54,
  PageUp: 0xff55, PageDown: 0xff56, End: 0xff57, PrintScreen: 0xff61, Insert: 0xff63,
  ContextMenu: 0xff67, NumLock: 0xff7f, CapsLock: 0xffe5, Delete: 0xffff, AltGraph: 0xfe03,
};
// Keys that there are two of: left, right.
const PAIRS = {
  Shift: [0xffe1, 0xffe2], Control: [0xffe3, 0xffe4], Alt: [0xffe9, 0xffea], Meta: [0xffeb, 0xffec],
};
const RIGHT = 2;
const [WHEEL_UP, WHEEL_DOWN] = [8, 16];

export function keysym(event) {
  const { key, location } = event;
  if (PAIRS[key]) {
    return PAIRS[key][location === RIGHT ? 1 : 0];
  }
  const f = /^F(\d{1,2})$/.exec(key);
  if (f) {
    return 0xffbd + Number(f[1]);
  }
  if ([...key].length === 1) {
    const point = key.codePointAt(0);
    return point < 0x100 ? point : 0x1000000 + point;
  }
  return KEYSYMS[key];
}

// Listens to an element while it lives; `stop` ends that.
class Listener {
  constructor(element, events) {
    this._ending = new AbortController();
    for (const [name, handle] of Object.entries(events)) {
      element.addEventListener(name, handle, { signal: this._ending.signal, passive: false });
    }
  }

  stop() {
    this._ending.abort();
  }
}

export class Keyboard extends Listener {
  constructor(element, send) {
    super(element, {
      keydown: (event) => this._down(event),
      keyup: (event) => this._up(event),
      blur: () => this._release(),
    });
    if (!element.hasAttribute("tabindex")) {
      element.tabIndex = 0;
    }
    this._element = element;
    this._send = send;
    // What a key was when it went down: with Shift released meanwhile it would come up as another.
    this._pressed = new Map();
  }

  _down(event) {
    if (event.ctrlKey && event.altKey && event.shiftKey) {
      this._element.blur();
      return;
    }
    const found = keysym(event);
    if (found !== undefined && !event.isComposing) {
      event.preventDefault();
      this._pressed.set(event.code, found);
      this._send("key", found, 1);
    }
  }

  _up(event) {
    const found = this._pressed.get(event.code);
    if (found !== undefined) {
      event.preventDefault();
      this._pressed.delete(event.code);
      this._send("key", found, 0);
    }
  }

  _release() {
    this._pressed.forEach((found) => this._send("key", found, 0));
    this._pressed.clear();
  }
}

export class Pointer extends Listener {
  constructor(element, send) {
    super(element, {
      pointermove: (event) => this._tell(event),
      pointerdown: (event) => {
        element.focus();
        element.setPointerCapture(event.pointerId);
        this._tell(event);
      },
      pointerup: (event) => this._tell(event),
      pointercancel: (event) => this._tell(event),
      contextmenu: (event) => event.preventDefault(),
      wheel: (event) => {
        event.preventDefault();
        this._tell(event, event.deltaY < 0 ? WHEEL_UP : WHEEL_DOWN);
        this._tell(event);
      },
    });
    this._element = element;
    this._send = send;
  }

  _tell(event, wheel = 0) {
    const { left, top, width, height } = this._element.getBoundingClientRect();
    if (width === 0 || height === 0) {
      return;
    }
    const x = Math.round(((event.clientX - left) * this._element.width) / width);
    const y = Math.round(((event.clientY - top) * this._element.height) / height);
    // The browser's bits are left, right, middle; Guacamole's are left, middle, right.
    const { buttons } = event;
    const mask = (buttons & 1) | ((buttons & 4) >> 1) | ((buttons & 2) << 1) | wheel;
    this._send("mouse", Math.max(0, x), Math.max(0, y), mask);
  }
}
