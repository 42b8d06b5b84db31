// Guacamole's protocol: instructions of length-prefixed elements, `4.sync,3.123;`. A length counts
// characters of Unicode, of which some are two in a JavaScript string.

const LONGEST = 1 << 23;
const SURROGATE = /[\ud800-\udbff]/;

export function encode(...elements) {
  return elements.map((element) => `${[...String(element)].length}.${element}`).join(",") + ";";
}

// Takes text in pieces of any size; calls `take(opcode, args)` for each whole instruction. Throws when
// what comes is no instruction.
export class Parser {
  constructor(take) {
    this._take = take;
    this._rest = "";
    this._at = 0;
    this._elements = [];
  }

  receive(text) {
    this._rest = this._rest.slice(this._at) + text;
    this._at = 0;
    while (this._element());
  }

  _element() {
    const point = this._rest.indexOf(".", this._at);
    const digits = this._rest.slice(this._at, point < 0 ? undefined : point);
    if (!/^\d{0,7}$/.test(digits) || (point >= 0 && digits === "")) {
      throw new Error(`no length: ${digits.slice(0, 10)}`);
    }
    const size = Number(digits);
    if (size > LONGEST) {
      throw new Error(`an element of ${size} characters`);
    }
    const end = point < 0 ? -1 : after(this._rest, point + 1, size);
    if (end < 0 || end >= this._rest.length) {
      return false; // the rest comes with the next piece
    }
    this._elements.push(this._rest.slice(point + 1, end));
    this._at = end + 1;
    const terminator = this._rest[end];
    if (terminator === ";") {
      const [opcode, ...args] = this._elements;
      this._elements = [];
      this._take(opcode, args);
    } else if (terminator !== ",") {
      throw new Error(`an element ends with ${terminator}`);
    }
    return true;
  }
}

// Where `size` characters from `at` on end in `text`; -1 when they are not all there.
function after(text, at, size) {
  if (at + size > text.length) {
    return -1;
  }
  if (!SURROGATE.test(text.slice(at, at + size))) {
    return at + size;
  }
  let end = at;
  for (let left = size; left > 0; left -= 1) {
    if (end >= text.length) {
      return -1;
    }
    end += text.codePointAt(end) > 0xffff ? 2 : 1;
  }
  return end;
}
