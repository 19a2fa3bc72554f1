import type { ServerResponse } from "node:http";
import type { FastifyInstance } from "fastify";
import { sendError } from "./error-responses.ts";

/** How long an idle connection stays open after shutdown begins, and how long a last answer may take to leave (ms). */
const closeDelay = 250;

/** Running requests, which a shutdown waits for. */
export interface Drain {
  /** Whether requests are refused. */
  readonly isDraining: () => boolean;
  /** Whether answers ask for the end of their connection, so that clients open the next one elsewhere. */
  readonly endsConnections: () => boolean;
  /** Counts a request until its answer is sent or its connection closes. */
  readonly track: (response: ServerResponse) => void;
}

/**
 * Shuts the server down in order. From `stopping` on, answers carry `Connection: close`. When the server closes, running
 * requests may finish within `timeout` ms. Requests that arrive meanwhile on open connections get 503. Connections are
 * closed when no request is running. After `timeout`, `cancel` is called and the remaining connections are closed.
 */
export function drainOnClose(
  server: FastifyInstance,
  options: { stopping: AbortSignal; timeout: number; cancel: () => void },
): Drain {
  const timers = new Set<NodeJS.Timeout>();
  const after = (ms: number, action: () => void) => void timers.add(setTimeout(action, ms));
  const closeAll = () => server.server.closeAllConnections();
  const closeIfIdle = () => {
    if (running === 0) after(closeDelay, () => running === 0 && closeAll());
  };
  let draining = false;
  let running = 0;
  const endsConnections = () => draining || options.stopping.aborted;

  const countDown = () => {
    running--;
    if (draining) closeIfIdle();
  };
  const track = (response: ServerResponse) => {
    running++;
    // "close" follows every answer, and also the end of a connection without one.
    response.once("close", countDown);
  };

  server.addHook("onRequest", (request, reply, done) => {
    track(reply.raw);
    if (draining)
      sendError(request, reply, { status: 503, message: "The service is stopping. Try again in a few seconds." });
    else done();
  });
  server.addHook("onSend", (_, reply, payload, done) => {
    if (endsConnections()) reply.header("connection", "close");
    done(null, payload);
  });
  server.addHook("preClose", async () => {
    draining = true;
    closeIfIdle();
    after(options.timeout, () => {
      options.cancel();
      after(closeDelay, closeAll);
    });
  });
  server.addHook("onClose", async () => {
    for (const timer of timers) clearTimeout(timer);
  });
  return { isDraining: () => draining, endsConnections, track };
}
