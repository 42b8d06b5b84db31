"use strict";

const ANSWER_TIMEOUT_MS = 5000;
const ASK_AGAIN_MS = 5000;

const show = (id, text) => { document.getElementById(id).textContent = text; };

async function read(path) {
  const answer = await fetch(path, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS), cache: "no-store" });
  if (!answer.ok) throw new Error(`${path} answers ${answer.status}`);
  return answer;
}

function state(name, text) {
  const line = document.getElementById("api");
  // The line is announced when it changes, and only then.
  if (line.textContent === text) return;
  line.dataset.state = name;
  line.textContent = text;
}

async function askApi(endpoint) {
  try {
    const version = (await (await read(`${endpoint}/version`)).text()).trim();
    state("good", `The API answers, version ${version.slice(0, 40)}`);
  } catch (error) {
    state("bad", `The API does not answer (${error.message})`);
  }
}

async function start() {
  let endpoint = "/api";
  try {
    endpoint = (await (await read("config/client-config-custom.json")).json())["config.endpoint"] ?? endpoint;
    const lab = await (await read("config/lab.json")).json();
    document.title = `labgen: ${lab.lab}`;
    show("title", `Lab ${lab.lab}`);
    show("node", lab.node);
  } catch (error) {
    state("bad", `The page’s configuration cannot be read (${error.message})`);
    return;
  }
  show("endpoint", endpoint);
  await askApi(endpoint);
  setInterval(() => askApi(endpoint), ASK_AGAIN_MS);
}

start();
