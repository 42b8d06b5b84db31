// A request whose answer was lost on its way. The platform may have done what it asks for: sent again blindly,
// it might be done twice. So the page looks at what is there now.

import { Failure } from "./client.js";

// What was sent just before the connection broke may take a moment to show.
const LOOKS_MS = [0, 500, 1_500, 3_000];

/**
 * Send a request that changes something. When its answer is lost, return what `look` finds of it instead: `look`
 * returns nothing as long as there is nothing to be seen. Throws `Failure`.
 */
export async function surely(send, look) {
  try {
    return await send();
  } catch (failure) {
    if (!failure.lost) throw failure;
    for (const pause of LOOKS_MS) {
      await new Promise((resolve) => { setTimeout(resolve, pause); });
      const found = await look().catch((error) => { if (!error.away) throw error; });
      if (found !== undefined) return found;
    }
    throw new Failure(`${failure.message} Nothing has come of it so far: look again, then try again.`, failure.status);
  }
}
