import type { ServerResponse } from "node:http";
import { DisconnectedError } from "../errors.ts";

/**
 * Returns a function that returns the signal of a request, aborted when its connection closes. It is made on the first call,
 * because most requests need none.
 */
export function disconnectionOf(response: ServerResponse): () => AbortSignal {
  let signal: AbortSignal | undefined;
  return () => {
    signal ??= signalOf(response);
    return signal;
  };
}

function signalOf(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  const abort = () => controller.abort(new DisconnectedError("The client has disconnected."));
  if (response.destroyed || response.socket?.destroyed) abort();
  // Also follows every answer, when nothing waits for the signal any more.
  else response.once("close", abort);
  return controller.signal;
}
