import type { FastifyInstance } from "fastify";
import { refuse } from "./error-responses.ts";

/** How long a connection without a request stays open once the server stops, and an answer may take to leave (ms). */
const grace = 250;

/**
 * Stops in order, within `timeout` (ms): running requests may finish, and their answers say `connection: close`; calls
 * that still arrive on open connections are told to try again elsewhere; connections are closed as soon as no request
 * runs. At the end of the time `cancel` is called, and what is left is closed.
 */
export function drainOnClose(server: FastifyInstance, options: { timeout: number; cancel: () => void }): void {
  const timers = new Set<NodeJS.Timeout>();
  const after = (ms: number, work: () => void) => void timers.add(setTimeout(work, ms));
  const closeAll = () => server.server.closeAllConnections();
  const closeIfIdle = () => {
    if (running === 0) after(grace, () => running === 0 && closeAll());
  };
  let draining = false;
  let running = 0;

  const ended = () => {
    running--;
    if (draining) closeIfIdle();
  };

  server.addHook("onRequest", (request, reply, done) => {
    running++;
    // Also when its caller hangs up.
    reply.raw.once("close", ended);
    if (draining) refuse(request, reply, 503, "The service is stopping. Try again in a few seconds.");
    else done();
  });
  server.addHook("onSend", (_, reply, payload, done) => {
    if (draining) reply.header("connection", "close");
    done(null, payload);
  });
  server.addHook("preClose", async () => {
    draining = true;
    closeIfIdle();
    after(options.timeout, () => {
      options.cancel();
      after(grace, closeAll);
    });
  });
  server.addHook("onClose", async () => {
    for (const timer of timers) clearTimeout(timer);
  });
}
