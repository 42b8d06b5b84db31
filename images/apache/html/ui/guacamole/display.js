// Guacamole's display: layers that are seen (0 and up) and buffers that are not (below 0), each a canvas.
// Pictures are decoded in the background; what is drawn waits for them, in order.

// How a drawing meets what is there: Guacamole's channel masks in the canvas's words.
const COMPOSITE = {
  1: "destination-in", 2: "destination-out", 4: "source-in", 6: "source-atop", 8: "source-out",
  9: "destination-atop", 10: "xor", 11: "destination-over", 12: "copy", 14: "source-over", 15: "lighter",
};
const LARGEST = 8192;

class Layer {
  constructor(width, height) {
    this.canvas = document.createElement("canvas");
    this.context = this.canvas.getContext("2d");
    Object.assign(this, { parent: 0, x: 0, y: 0, z: 0, opacity: 1, path: null });
    this.resize(width, height);
  }

  resize(width, height) {
    const [w, h] = [Math.min(width, LARGEST), Math.min(height, LARGEST)];
    const { canvas } = this;
    if (canvas.width === w && canvas.height === h) {
      return;
    }
    // A canvas that changes its size forgets its picture; a layer keeps it.
    const kept = document.createElement("canvas");
    [kept.width, kept.height] = [canvas.width, canvas.height];
    const any = kept.width > 0 && kept.height > 0;
    if (any) {
      kept.getContext("2d").drawImage(canvas, 0, 0);
    }
    [canvas.width, canvas.height] = [w, h];
    if (any) {
      this.context.drawImage(kept, 0, 0);
    }
  }

  // Draws with a mask, nowhere but in `region` (a Path2D).
  paint(mask, region, draw) {
    const { context } = this;
    context.save();
    context.clip(region);
    context.globalCompositeOperation = COMPOSITE[mask] || "source-over";
    draw(context);
    context.restore();
  }
}

function box(x, y, width, height) {
  const path = new Path2D();
  path.rect(x, y, width, height);
  return path;
}

export class Display {
  constructor(canvas) {
    this._output = canvas;
    this._layers = new Map([[0, new Layer(0, 0)]]);
    this._streams = new Map();
    this._waiting = [];
    this._running = false;
  }

  // True when the instruction was one of drawing.
  take(opcode, args) {
    const draw = DRAW[opcode];
    if (draw) {
      const numbers = args.map(Number);
      this._do(() => draw.call(this, numbers, args));
    } else if (opcode === "img") {
      const [stream, mask, layer, type, x, y] = args;
      this._streams.set(stream, { mask, layer: Number(layer), type, x: Number(x), y: Number(y), parts: [] });
    } else if (this._streams.has(args[0]) && opcode === "blob") {
      this._streams.get(args[0]).parts.push(Uint8Array.from(atob(args[1]), (one) => one.charCodeAt(0)));
    } else if (this._streams.has(args[0]) && opcode === "end") {
      const image = this._streams.get(args[0]);
      this._streams.delete(args[0]);
      // Decoding begins now, so that several pictures are decoded at once; drawing waits for its turn.
      const decoded = createImageBitmap(new Blob(image.parts, { type: image.type })).catch(() => null);
      this._do(async () => this._image(image, await decoded));
    } else {
      return false;
    }
    return true;
  }

  // Shows everything that was drawn so far, then calls `done`.
  flush(done) {
    this._do(() => {
      this._compose();
      done();
    });
  }

  async _do(work) {
    this._waiting.push(work);
    if (this._running) {
      return;
    }
    this._running = true;
    while (this._waiting.length > 0) {
      try {
        await this._waiting.shift()();
      } catch (error) {
        console.warn("guacamole: an instruction could not be drawn", error);
      }
    }
    this._running = false;
  }

  _layer(index) {
    if (!this._layers.has(index)) {
      // A layer that nobody gave a size has none yet; a buffer grows with what is drawn into it.
      this._layers.set(index, new Layer(0, 0));
    }
    return this._layers.get(index);
  }

  _fit(index, width, height) {
    const layer = this._layer(index);
    if (index < 0) {
      layer.resize(Math.max(layer.canvas.width, width), Math.max(layer.canvas.height, height));
    }
    return layer;
  }

  _image({ mask, layer, x, y }, bitmap) {
    if (bitmap !== null) {
      const target = this._fit(layer, x + bitmap.width, y + bitmap.height);
      target.paint(mask, box(x, y, bitmap.width, bitmap.height), (to) => to.drawImage(bitmap, x, y));
      bitmap.close();
    }
  }

  _compose() {
    const { canvas } = this._layer(0);
    if (this._output.width !== canvas.width || this._output.height !== canvas.height) {
      [this._output.width, this._output.height] = [canvas.width, canvas.height];
    }
    const context = this._output.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    this._show(context, 0, 0, 0, 1);
  }

  _show(context, index, x, y, opacity) {
    const { canvas } = this._layer(index);
    if (canvas.width > 0 && canvas.height > 0) {
      context.globalAlpha = opacity;
      context.drawImage(canvas, x, y);
      context.globalAlpha = 1;
    }
    [...this._layers]
      .filter(([child, layer]) => child > 0 && layer.parent === index)
      .sort(([, a], [, b]) => a.z - b.z)
      .forEach(([child, one]) => this._show(context, child, x + one.x, y + one.y, opacity * one.opacity));
  }
}

const DRAW = {
  size([layer, width, height]) {
    this._layer(layer).resize(width, height);
  },
  rect([index, x, y, width, height]) {
    const layer = this._fit(index, x + width, y + height);
    layer.path = layer.path || new Path2D();
    layer.path.rect(x, y, width, height);
  },
  cfill([mask, index, r, g, b, a]) {
    const layer = this._layer(index);
    layer.paint(mask, layer.path || new Path2D(), (to) => {
      to.fillStyle = `rgba(${r},${g},${b},${a / 255})`;
      to.fillRect(0, 0, layer.canvas.width, layer.canvas.height);
    });
    layer.path = null;
  },
  copy([from, sx, sy, width, height, mask, index, x, y]) {
    const source = this._layer(from).canvas;
    const layer = this._fit(index, x + width, y + height);
    if (source.width > 0 && source.height > 0 && width > 0 && height > 0) {
      layer.paint(mask, box(x, y, width, height), (to) => {
        to.drawImage(source, sx, sy, width, height, x, y, width, height);
      });
    }
  },
  cursor([hotX, hotY, from, sx, sy, width, height]) {
    if (width > 0 && height > 0 && width <= 128 && height <= 128) {
      const picture = new Layer(width, height);
      picture.context.drawImage(this._layer(from).canvas, sx, sy, width, height, 0, 0, width, height);
      this._output.style.cursor = `url(${picture.canvas.toDataURL()}) ${hotX} ${hotY}, default`;
    }
  },
  move([layer, parent, x, y, z]) {
    Object.assign(this._layer(layer), { parent, x, y, z });
  },
  shade([layer, opacity]) {
    this._layer(layer).opacity = opacity / 255;
  },
  dispose([layer]) {
    if (layer !== 0) {
      this._layers.delete(layer);
    }
  },
};
