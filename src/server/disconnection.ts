import type { FastifyReply } from "fastify";
import { DisconnectedError } from "../errors.ts";

/**
 * Returns a function that returns the signal of a request, aborted when its connection closes. It is made on the first call,
 * because most requests need none.
 */
export function disconnectionOf({ raw }: FastifyReply): () => AbortSignal {
  let signal: AbortSignal | undefined;
  return () => {
    signal ??= signalOf(raw);
    return signal;
  };
}

function signalOf(response: FastifyReply["raw"]): AbortSignal {
  const controller = new AbortController();
  const abort = () => controller.abort(new DisconnectedError("The client has disconnected."));
  if (response.destroyed || response.socket?.destroyed) abort();
  // Also follows every answer, when nothing waits for the signal any more.
  else response.once("close", abort);
  return controller.signal;
}
