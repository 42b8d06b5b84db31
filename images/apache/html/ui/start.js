// Loads the page's modules. A browser drops one when the machine's networks change meanwhile, as they do when a
// lab comes up: then the page is loaded again, a few times.

const TRIES = "labgen.tries";
const MOST = 5;
const PAUSE_MS = 1_000;

try {
  await import("./app.js");
  sessionStorage.removeItem(TRIES);
} catch (error) {
  const tries = Number(sessionStorage.getItem(TRIES)) + 1;
  sessionStorage.setItem(TRIES, String(tries));
  document.getElementById("main").textContent = `The page could not be loaded (${error.message}).`;
  if (tries < MOST) setTimeout(() => location.reload(), PAUSE_MS);
}
