"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const view = document.getElementById("view");
  const svg = view.querySelector("svg");
  const panel = document.getElementById("panel");
  const status = document.getElementById("status");
  const search = document.getElementById("search");

  const nodes = new Map(data.nodes.map((one) => [one.name, { ...one, out: [], in: [], wires: [] }]));
  for (const element of svg.querySelectorAll(".node")) {
    nodes.get(element.dataset.node).element = element;
  }
  const wires = [...svg.querySelectorAll(".wire[data-row]")].map((element) => {
    const { row, from, to } = element.dataset;
    return { element, id: row, row: data.rows[row], from, to, cut: element.classList.contains("cut"), shown: true };
  });
  for (const wire of wires) {
    nodes.get(wire.from).out.push(wire);
    nodes.get(wire.to).in.push(wire);
  }

  // Small helpers: an element with its children, and a button that leads to a node.
  const make = (name, properties, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children.filter((one) => one !== null));
    return element;
  };
  const leadTo = (name) => make("button", { type: "button", className: "link", onclick: () => keep(name, true) }, name);

  // The part of the picture that is seen: x, y, width and height in its own units.
  const whole = svg.viewBox.baseVal;
  const all = { x: whole.x, y: whole.y, w: whole.width, h: whole.height };
  const seen = { ...all };
  const limits = { least: 120, most: Math.max(all.w, all.h) * 3 };
  svg.removeAttribute("width");
  svg.removeAttribute("height");

  const show = () => svg.setAttribute("viewBox", `${seen.x} ${seen.y} ${seen.w} ${seen.h}`);
  const scale = () => Math.max(seen.w / view.clientWidth, seen.h / view.clientHeight);
  const zoom = (factor, x = seen.x + seen.w / 2, y = seen.y + seen.h / 2) => {
    const width = Math.min(Math.max(seen.w * factor, limits.least), limits.most);
    const ratio = width / seen.w;
    seen.x = x - (x - seen.x) * ratio;
    seen.y = y - (y - seen.y) * ratio;
    seen.w = width;
    seen.h *= ratio;
    show();
  };
  const move = (dx, dy) => {
    seen.x += dx;
    seen.y += dy;
    show();
  };
  const fit = () => {
    Object.assign(seen, all);
    show();
  };
  const point = (event) => new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());

  const reveal = (element) => {
    const box = element.getBoundingClientRect();
    const frame = view.getBoundingClientRect();
    const outside = box.left < frame.left || box.right > frame.right || box.top < frame.top || box.bottom > frame.bottom;
    if (outside) {
      const at = element.getBBox();
      move(at.x + at.width / 2 - (seen.x + seen.w / 2), at.y + at.height / 2 - (seen.y + seen.h / 2));
    }
  };

  // What is looked at: the kept node, or while there is none the one under the pointer or the focus.
  let kept = null;
  let found = null;

  const look = (name) => {
    const node = name === null ? null : nodes.get(name);
    svg.classList.toggle("busy", node !== null || found !== null);
    const on = new Set(node ? [name] : (found ?? []));
    const lit = node ? [...node.out, ...node.in].filter((wire) => wire.shown) : [];
    for (const wire of lit) {
      on.add(wire.from).add(wire.to);
    }
    const bright = new Set(lit);
    for (const wire of wires) {
      wire.element.classList.toggle("on", bright.has(wire));
    }
    for (const [other, { element }] of nodes) {
      element.classList.toggle("on", on.has(other));
      element.classList.toggle("kept", other === kept);
      element.setAttribute("aria-pressed", String(other === kept));
    }
    if (node) {
      describe(node);
    } else {
      list();
    }
  };
  const glance = (name) => {
    if (kept === null) {
      look(name);
    }
  };
  const keep = (name, travel = false) => {
    kept = name;
    look(name);
    if (name !== null && travel) {
      nodes.get(name).element.focus({ preventScroll: true });
      reveal(nodes.get(name).element);
    }
  };

  const facts = (pairs) => {
    const shown = pairs.filter(([, value]) => value);
    return make("dl", {}, ...shown.flatMap(([key, value]) => [make("dt", {}, key), make("dd", {}, value)]));
  };
  const entry = (wire, other) => {
    const { row } = wire;
    const badge = make("span", { className: "badge" }, wire.cut ? "cut" : row.provenance);
    badge.style.color = `var(--${wire.cut ? "cut" : row.provenance})`;
    return make(
      "li", {},
      make(
        "div", { className: "top" },
        leadTo(other), make("strong", {}, `${row.protocol} ${row.port}`), badge,
        make("span", { className: "row" }, `row ${wire.id}`),
      ),
      make("p", {}, row.purpose),
      make("p", { className: "note" }, [row.provenance, row.reference, row.note].filter(Boolean).join("; ")),
    );
  };
  const section = (title, entries) => [
    make("h3", {}, `${title} (${entries.length})`),
    entries.length ? make("ul", { className: "rows" }, ...entries) : make("p", { className: "note" }, "nothing"),
  ];
  const describe = (node) => {
    const out = node.out.filter((wire) => wire.shown);
    const incoming = node.in.filter((wire) => wire.shown);
    panel.replaceChildren(
      make("h2", {}, node.name),
      facts([
        ["state", node.state], ["role", node.role], ["server", node.server], ["site", node.place],
        ["on this machine", node.hosts.join(", ")],
      ]),
      ...section("connects to", out.map((wire) => entry(wire, wire.to))),
      ...section("is reached from", incoming.map((wire) => entry(wire, wire.from))),
    );
  };
  const list = () => {
    const names = found ?? [...nodes.keys()].filter((name) => nodes.get(name).shown);
    const places = new Map();
    for (const name of names) {
      const { place, state } = nodes.get(name);
      const said = state ? make("span", { className: "dim" }, ` ${state}`) : null;
      places.set(place, [...(places.get(place) ?? []), make("li", {}, leadTo(name), said)]);
    }
    panel.replaceChildren(
      make("h2", {}, found ? `Found (${found.length})` : "Nodes"),
      ...[...places].flatMap(([place, items]) => [
        make("h3", {}, place), make("ul", { className: "list" }, ...items.filter(Boolean)),
      ]),
    );
  };

  // Filters: a site hides its nodes; a wire is shown if its row and both of its nodes are.
  const boxes = [...document.querySelectorAll("[data-filter]")];
  const chosen = (key) => new Set(boxes.filter((box) => box.dataset.filter === key && box.checked).map((box) => box.value));
  const filter = () => {
    const sites = chosen("site");
    const provenances = chosen("provenance");
    const protocols = chosen("protocol");
    for (const node of nodes.values()) {
      node.shown = sites.has(node.site);
      node.element.classList.toggle("off", !node.shown);
      node.element.setAttribute("tabindex", node.shown ? "0" : "-1");
    }
    for (const wire of wires) {
      wire.shown = provenances.has(wire.row.provenance) && protocols.has(wire.row.protocol)
        && nodes.get(wire.from).shown && nodes.get(wire.to).shown;
      wire.element.classList.toggle("off", !wire.shown);
    }
    for (const count of document.querySelectorAll("[data-count]")) {
      const mine = boxes.filter((box) => box.dataset.filter === count.dataset.count);
      const on = mine.filter((box) => box.checked).length;
      count.textContent = on === mine.length ? "" : `${on}/${mine.length}`;
    }
    const some = wires.filter((wire) => wire.shown).length;
    // A gap in what a hidden wire would cross says nothing.
    svg.classList.toggle("thin", some < wires.length);
    const there = [...nodes.values()].filter((node) => node.shown).length;
    status.textContent = `${there} of ${nodes.size} nodes, ${some} of ${wires.length} connections`;
    if (kept !== null && !nodes.get(kept).shown) {
      kept = null;
    }
    seek();
  };
  const seek = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    found = words.length === 0 ? null : [...nodes.values()]
      .filter((node) => node.shown && words.every((word) => node.words.includes(word)))
      .map((node) => node.name);
    look(kept);
  };

  for (const box of boxes) {
    box.addEventListener("change", filter);
  }
  for (const [attribute, value] of [["all", true], ["none", false]]) {
    for (const button of document.querySelectorAll(`[data-${attribute}]`)) {
      button.addEventListener("click", () => {
        for (const box of boxes.filter((one) => one.dataset.filter === button.dataset[attribute])) {
          box.checked = value;
        }
        filter();
      });
    }
  }
  search.addEventListener("input", () => {
    kept = null;
    seek();
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && found?.length) {
      keep(found[0], true);
    }
  });

  // Pointer: hover looks, click keeps, dragging moves.
  const under = (event) => event.target.closest?.(".node")?.dataset.node ?? null;
  let drag = null;
  view.addEventListener("pointerover", (event) => glance(under(event)));
  view.addEventListener("pointerleave", () => glance(null));
  view.addEventListener("pointerdown", (event) => {
    drag = { x: event.clientX, y: event.clientY, from: under(event), moved: false };
  });
  window.addEventListener("pointermove", (event) => {
    if (drag === null) {
      return;
    }
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    if (drag.moved || Math.hypot(dx, dy) > 4) {
      view.classList.add("moving");
      const unit = scale();
      move(-dx * unit, -dy * unit);
      Object.assign(drag, { x: event.clientX, y: event.clientY, moved: true });
    }
  });
  window.addEventListener("pointerup", () => {
    if (drag !== null && !drag.moved) {
      keep(drag.from === kept ? null : drag.from);
    }
    drag = null;
    view.classList.remove("moving");
  });
  window.addEventListener("pointercancel", () => {
    drag = null;
    view.classList.remove("moving");
  });
  view.addEventListener("wheel", (event) => {
    event.preventDefault();
    const at = point(event);
    zoom(Math.exp(Math.sign(event.deltaY) * Math.min(Math.abs(event.deltaY), 100) * 0.002), at.x, at.y);
  }, { passive: false });

  // Keyboard.
  view.addEventListener("focusin", (event) => {
    glance(under(event));
    if (event.target.matches(".node:focus-visible")) {
      reveal(event.target);
    }
  });
  view.addEventListener("focusout", () => glance(null));
  view.addEventListener("keydown", (event) => {
    const name = under(event);
    if (name !== null && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      keep(name === kept ? null : name);
    }
  });
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      for (const open of document.querySelectorAll("details[open]")) {
        open.open = false;
      }
      search.value = "";
      kept = null;
      seek();
      return;
    }
    if (event.target.matches("input, summary") || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    if (event.key === "/") {
      event.preventDefault();
      search.focus();
    } else if (event.key === "+" || event.key === "=") {
      zoom(0.8);
    } else if (event.key === "-") {
      zoom(1.25);
    } else if (event.key === "0") {
      fit();
    } else if (event.key in steps && !event.target.closest("aside")) {
      event.preventDefault();
      const [dx, dy] = steps[event.key];
      move(dx * seen.w * 0.1, dy * seen.h * 0.1);
    }
  });
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details[open]")) {
      if (!open.contains(event.target)) {
        open.open = false;
      }
    }
  });
  document.getElementById("closer").addEventListener("click", () => zoom(0.8));
  document.getElementById("farther").addEventListener("click", () => zoom(1.25));
  document.getElementById("fit").addEventListener("click", fit);
  filter();
})();
