// The API as a client of hypermedia sees it: links, documents, pages, and errors in words.

const PATIENCE_MS = 20_000;
const AWAY = new Set([0, 502, 503, 504]);
// Without an answer, or with that of a proxy which got none, nobody knows whether it was done.
const UNANSWERED = new Set([0, 502, 504]);
// A browser drops what is on its way whenever the machine's networks change, as they do while containers start;
// what does no harm when it is done twice is simply asked for again.
const PAUSES_MS = [0, 300, 1_000];

/** A request that did not do what it was for; the message is for people. */
export class Failure extends Error {
  /** Whether this was to change something, and may have done so. */
  lost = false;

  constructor(message, status = 0, code = "") {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** Whether nobody could answer, so that the same may work a little later. */
  get away() { return AWAY.has(this.status); }
}

export const link = (document, rel) => document?.links?.find((one) => one.rel === rel);
export const links = (document, rel) => document?.links?.filter((one) => one.rel === rel) ?? [];
export const mediaType = (entity) => `application/vnd.abiquo.${entity}+json`;
/** Where a link leads, as a path of this very server: what the page's address may hold. */
export const pathOf = (one) => new URL(one.href ?? one, location.origin).pathname;

/** Sends requests with the session's token. Events: `expired`, `away` (with the failure as detail), `back`. */
export class Client extends EventTarget {
  #away = false;
  token = null;

  constructor(endpoint) {
    super();
    this.endpoint = endpoint;
  }

  /**
   * Answer of one request. Throws `Failure`. `to` is a link, or an address; `again` tells that it may be sent more
   * than once.
   */
  async send(to, { method = "GET", accept, type, body, authorization, patience = PATIENCE_MS, again = method === "GET" } = {}) {
    const headers = { Accept: accept ?? to.type ?? "application/json" };
    const own = authorization === undefined && this.token;
    if (own) headers.Authorization = `Token ${this.token}`;
    else if (authorization) headers.Authorization = authorization;
    if (type) headers["Content-Type"] = type;
    const ask = () => whole(ours(to.href ?? to), {
      method, headers, body, cache: "no-store", signal: AbortSignal.timeout(patience),
      // Without credentials of its own the browser does not ask for a password at a 401: the page does.
      credentials: "omit",
    });
    let answer;
    try {
      answer = await insist(ask, again ? PAUSES_MS : []);
    } catch (error) {
      if (error instanceof Failure) throw error;
      const why = error.name === "TimeoutError" ? `no answer in ${patience / 1000} s` : "the connection broke";
      throw this.#notice(unanswered(new Failure(`The API cannot be reached: ${why}.`), again));
    }
    if (answer.ok) {
      this.#notice(null);
      return answer;
    }
    const failure = unanswered(await failureOf(answer), again);
    this.#notice(failure);
    if (failure.status === 401 && own) this.dispatchEvent(new Event("expired"));
    throw failure;
  }

  /** The document that a link leads to. */
  async get(to) { return (await this.send(to)).json(); }

  /** Send a document of a kind; the answer's document, or null when it has none. */
  async write(method, to, entity, document, options = {}) {
    const body = document === undefined ? undefined : JSON.stringify(document);
    const answer = await this.send(to, {
      method, body, type: body === undefined ? undefined : mediaType(entity), accept: "application/json",
      ...options,
    });
    return answer.status === 204 ? null : answer.json();
  }

  post(to, entity, document, options) { return this.write("POST", to, entity, document, options); }
  put(to, entity, document) { return this.write("PUT", to, entity, document); }
  remove(to) { return this.write("DELETE", to); }

  /** Everything of a collection, over all its pages, but no more than `most`. */
  async all(to, most = 500) {
    const found = [];
    for (let next = to; next && found.length < most;) {
      const page = await this.get(next);
      found.push(...page.collection);
      next = page.collection.length ? link(page, "next") : null;
    }
    return found;
  }

  #notice(failure) {
    const away = Boolean(failure?.away);
    if (away === this.#away) return failure;
    this.#away = away;
    this.dispatchEvent(away ? new CustomEvent("away", { detail: failure }) : new Event("back"));
    return failure;
  }
}

/** Fetch an answer with all that is in it: one that breaks off is none. */
async function whole(url, options) {
  const answer = await fetch(url, options);
  const content = await answer.blob();
  return new Response(content.size ? content : null, answer);
}

/** Do it, and once more after each of `pauses` while the connection breaks. */
export async function insist(ask, pauses = PAUSES_MS) {
  for (const pause of pauses) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
    await new Promise((resolve) => { setTimeout(resolve, pause); });
  }
  return ask();
}

function unanswered(failure, again) {
  failure.lost = !again && UNANSWERED.has(failure.status);
  return failure;
}

/** A link that leads to another server would take the token there. */
function ours(href) {
  const url = new URL(href, location.origin);
  if (url.origin !== location.origin) throw new Failure(`The API's link leads to ${url.host}, not here.`, 400);
  return url;
}

async function failureOf(answer) {
  let first = null;
  try {
    first = (await answer.json()).collection?.[0];
  } catch {
    // A proxy's error is a page, not a document.
  }
  if (first?.message) return new Failure(first.message, answer.status, first.code);
  if (AWAY.has(answer.status)) return new Failure(`The API does not answer (${answer.status}).`, answer.status);
  return new Failure(`The API answers ${answer.status}.`, answer.status);
}

/** Run `work` for each of `items`, a few at a time; the results in order. */
export async function each(items, work, atOnce = 4) {
  const results = new Array(items.length);
  let next = 0;
  const runner = async () => {
    while (next < items.length) {
      const mine = next++;
      results[mine] = await work(items[mine]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, runner));
  return results;
}
