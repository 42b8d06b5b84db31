// The browser's side of a Guacamole console.
//
//   import { connect } from "./guacamole.js";
//   const session = connect(url, canvas);            // url: the link `tunnel` of the API's answer, wss://…
//   session.onstate = (state, message) => { … };     // "connecting", "connected" (a picture is there),
//                                                    // "disconnected"; the message is "" when all is well
//   session.disconnect();
//
// A token opens one tunnel: to open another, ask the API for another. The canvas gets the console's size
// as its width and height; style it to fit (`max-width: 100%`), pointer positions are scaled. It takes the
// keyboard while it has the focus, Tab included; Ctrl+Alt+Shift gives the focus back to the page.

import { Display } from "./guacamole/display.js";
import { Keyboard, Pointer } from "./guacamole/input.js";
import { Parser, encode } from "./guacamole/protocol.js";

// guacd gives up a user of whom it hears nothing for 15 seconds.
const KEEP_ALIVE_MS = 5000;
const UNSUPPORTED = "256";
// guacd's own words are for its log; these are for people.
const REASONS = {
  514: "The remote access server fell silent",
  515: "The machine ended the connection",
  516: "The machine was not found",
  519: "Nothing answers at the machine",
  520: "The remote access server does not answer",
  522: "The connection ended for want of use",
  768: "The request was not understood",
  769: "The name or the password is not right",
  771: "The machine refuses access",
  776: "Nothing was heard of you for too long",
  797: "Too many consoles are open",
};

export function connect(url, canvas) {
  return new Session(url, canvas);
}

class Session {
  constructor(url, canvas) {
    this.onstate = () => {};
    this.state = "connecting";
    this._message = "";
    this._display = new Display(canvas);
    this._parser = new Parser((opcode, args) => this._take(opcode, args));
    this._socket = new WebSocket(sized(url, canvas), "guacamole");
    this._socket.onmessage = (event) => this._receive(event.data);
    this._socket.onclose = (event) => this._end(this._message || event.reason || farewell(event.code));
    const send = (...elements) => this._send(...elements);
    this._inputs = [new Keyboard(canvas, send), new Pointer(canvas, send)];
    this._alive = setInterval(() => send("nop"), KEEP_ALIVE_MS);
  }

  disconnect() {
    this._send("disconnect");
    this._socket.close(1000);
    this._end("");
  }

  _send(...elements) {
    if (this._socket.readyState === WebSocket.OPEN) {
      this._socket.send(encode(...elements));
    }
  }

  _receive(data) {
    try {
      this._parser.receive(data);
    } catch (error) {
      this._message = `What came is not Guacamole's protocol: ${error.message}`;
      this._socket.close(1000);
    }
  }

  _take(opcode, args) {
    if (this._display.take(opcode, args)) {
      return;
    }
    switch (opcode) {
      case "sync":
        // The answer says that everything before has been drawn: guacd slows down for a slow browser.
        this._display.flush(() => {
          this._send("sync", args[0]);
          this._become("connected", "");
        });
        break;
      case "error":
        this._message = REASONS[Number(args[1])] || args[0];
        break;
      case "disconnect":
        this._socket.close(1000);
        break;
      case "nop":
        // Timers of a page in the background run too seldom for guacd; answers do not.
        this._send("nop");
        break;
      case "audio":
      case "video":
      case "file":
      case "pipe":
      case "clipboard":
      case "argv":
        this._send("ack", args[0], "unsupported", UNSUPPORTED);
        break;
      default: // what says nothing to a picture: name, log, mouse, …
    }
  }

  _become(state, message) {
    if (this.state !== state && this.state !== "disconnected") {
      this.state = state;
      this.onstate(state, message);
    }
  }

  _end(message) {
    clearInterval(this._alive);
    this._inputs.forEach((input) => input.stop());
    this._become("disconnected", message);
  }
}

function farewell(code) {
  return code === 1000 ? "" : "The console's connection ended, or its token was not accepted";
}

// SSH and RDP draw a screen of the size that they are asked for; VNC has its own.
function sized(url, canvas) {
  const found = new URL(url, location.href);
  found.protocol = found.protocol.replace("http", "ws");
  const parent = canvas.parentElement;
  const side = (value, least) => String(Math.max(least, Math.min(value || 0, 1920)));
  if (!found.searchParams.has("width")) {
    found.searchParams.set("width", side(parent && parent.clientWidth, 640));
    found.searchParams.set("height", side(parent && parent.clientHeight, 400));
  }
  return found;
}
