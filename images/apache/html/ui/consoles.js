// The ways to a virtual machine's console, each with the same face: `open(place, address, told)` returns
// `{close, release, keys}`; `told(state, words)` hears `connecting`, `connected` and `closed`.

import { Failure, insist } from "./client.js";

const NOVNC = "/ui/novnc/core/rfb.js";
const GUACAMOLE = "/ui/guacamole.js";

async function load(module, name) {
  try {
    return await insist(() => import(module));
  } catch {
    throw new Failure(`${name} is not part of this page's server, or does not answer: try again later.`);
  }
}

/** noVNC: the browser speaks VNC through websockify (platform.md, row 35). */
async function novnc(place, address, told) {
  const { default: RFB } = await load(NOVNC, "noVNC");
  const screen = new RFB(place, address, { shared: true });
  screen.scaleViewport = true;
  screen.background = "transparent";
  screen.focusOnClick = true;
  screen.addEventListener("connect", () => { told("connected", ""); screen.focus(); });
  screen.addEventListener("disconnect", ({ detail }) =>
    told("closed", detail.clean ? "The console is closed." : "The console cannot be reached, or its token was used before."));
  screen.addEventListener("securityfailure", ({ detail }) => told("closed", `The console refuses: ${detail.reason ?? detail.status}.`));
  return { close: () => screen.disconnect(), release: () => screen.blur(), keys: () => screen.sendCtrlAltDel() };
}

/** Guacamole: guacd speaks VNC, SSH or RDP, and the API carries the picture (platform.md, row 32). */
async function guacamole(place, address, told) {
  const { connect } = await load(GUACAMOLE, "Guacamole");
  const canvas = document.createElement("canvas");
  canvas.tabIndex = 0;
  canvas.setAttribute("aria-label", "Screen of the machine");
  place.append(canvas);
  const session = connect(address, canvas);
  session.onstate = (state, words) => {
    if (state === "connected") canvas.focus();
    told(state === "disconnected" ? "closed" : state, words || (state === "disconnected" ? "The console is closed." : ""));
  };
  return { close: () => session.disconnect(), release: () => canvas.blur(), keys: null };
}

/** Kinds of console in the order in which they are offered; `rel` is the relation of
 * the address in the API's answer, `login` tells that the machine asks who is there, and `asks` that
 * it can do so on its own screen. */
export const KINDS = [
  { name: "novnc", words: "noVNC", open: novnc, rel: "novnc", protocol: "" },
  { name: "vnc", words: "Guacamole, VNC", open: guacamole, rel: "tunnel", protocol: "vnc" },
  { name: "ssh", words: "Guacamole, SSH", open: guacamole, rel: "tunnel", protocol: "ssh", login: true },
  { name: "rdp", words: "Guacamole, RDP", open: guacamole, rel: "tunnel", protocol: "rdp", login: true, asks: true },
];
