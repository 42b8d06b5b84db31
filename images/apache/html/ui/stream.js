// The platform's events as they happen: server-sent events of M, read with fetch, because an EventSource
// cannot send the session's token.

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
// M says something at least every 15 seconds.
const SILENCE_MS = 40_000;

/** Read server-sent events: yields the data of each one, and null for a comment. */
async function* messages(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let data = [];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const line of lines) {
      if (line.startsWith("data:")) data.push(line.slice(line[5] === " " ? 6 : 5));
      else if (line === "" && data.length) {
        yield data.join("\n");
        data = [];
      } else if (line.startsWith(":")) yield null;
    }
  }
}

/**
 * Keeps a stream open, and opens it again with growing pauses.
 * Events: `state` (see `state`), `heard` (an event of the platform as detail), `refused` (the token is no good).
 */
export class Stream extends EventTarget {
  #token = null;
  #stop = null;
  #wake = null;
  /** `closed`, `opening`, `live`, or `away`. */
  state = "closed";

  constructor(address) {
    super();
    this.address = address;
  }

  open(token) {
    this.close();
    this.#token = token;
    this.#stop = new AbortController();
    this.#run(this.#stop.signal);
  }

  close() {
    this.#stop?.abort();
    this.#stop = null;
    this.#become("closed");
  }

  /** Do not wait for the end of the pause. */
  hurry() { this.#wake?.(); }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }

  async #run(stopped) {
    let pause = FIRST_PAUSE_MS;
    this.#become("opening");
    while (!stopped.aborted) {
      try {
        await this.#listen(stopped, () => { pause = FIRST_PAUSE_MS; });
      } catch (error) {
        if (stopped.aborted) return;
        if (error.refused) {
          this.close();
          this.dispatchEvent(new Event("refused"));
          return;
        }
      }
      if (stopped.aborted) return;
      this.#become("away");
      // Many pages must not come back in the same instant.
      await this.#sleep(pause * (0.75 + Math.random() / 2), stopped);
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  }

  async #listen(stopped, opened) {
    const quiet = new AbortController();
    let alarm = setTimeout(() => quiet.abort(), SILENCE_MS);
    try {
      const answer = await fetch(this.address, {
        headers: { Accept: "text/event-stream", Authorization: `Token ${this.#token}` },
        cache: "no-store", credentials: "omit", signal: AbortSignal.any([stopped, quiet.signal]),
      });
      if (answer.status === 401) throw Object.assign(new Error("refused"), { refused: true });
      if (!answer.ok) throw new Error(`${answer.status}`);
      opened();
      this.#become("live");
      for await (const data of messages(answer.body)) {
        clearTimeout(alarm);
        alarm = setTimeout(() => quiet.abort(), SILENCE_MS);
        if (data !== null) this.#hear(data);
      }
    } finally {
      clearTimeout(alarm);
    }
  }

  #hear(data) {
    let detail;
    try {
      detail = JSON.parse(data);
    } catch {
      return; // not an event of the platform
    }
    this.dispatchEvent(new CustomEvent("heard", { detail }));
  }

  #sleep(ms, stopped) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => { clearTimeout(timer); resolve(); };
      stopped.addEventListener("abort", this.#wake, { once: true });
    });
  }
}
