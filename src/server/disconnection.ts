import type { IncomingMessage, ServerResponse } from "node:http";
import { DisconnectedError } from "../errors.ts";

/**
 * Returns a function that returns the signal of a request, aborted when its connection closes. It is made on the first call,
 * because most requests need none.
 */
export function disconnectionOf(request: IncomingMessage, response: ServerResponse): () => AbortSignal {
  let signal: AbortSignal | undefined;
  return () => {
    signal ??= signalOf(request, response);
    return signal;
  };
}

function signalOf({ socket }: IncomingMessage, response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  const abort = () => controller.abort(new DisconnectedError("The client has disconnected."));
  if (response.destroyed || socket.destroyed) abort();
  else {
    // An answer that waits for an earlier one of its connection has no socket yet, and is not closed with it.
    socket.once("close", abort);
    // Also follows every answer, when nothing waits for the signal any more.
    response.once("close", () => {
      socket.off("close", abort);
      abort();
    });
  }
  return controller.signal;
}
