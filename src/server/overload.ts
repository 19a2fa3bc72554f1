import underPressure from "@fastify/under-pressure";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { LineSampler, type Log } from "../observability/index.ts";
import { sendError } from "./error-responses.ts";

const message = "The service is overloaded. Try again in a few seconds.";

/**
 * Refuses requests while the event loop is late, except the liveness probe: a restart would not reduce the load. The log has
 * a line a minute.
 */
export async function refuseOverload(server: FastifyInstance, log: Log): Promise<void> {
  const sampler = new LineSampler();
  server.addHook("onClose", async () => sampler.close());
  await server.register(underPressure, {
    maxEventLoopDelay: 2_000,
    // Longer than that delay: a sample of no time at all counts as an endless delay.
    sampleInterval: 5_000,
    retryAfter: 2,
    exposeStatusRoute: false,
    pressureHandler: createOverloadAnswer(log, sampler),
  });
}

export const createOverloadAnswer =
  (log: Log, sampler: LineSampler) => (request: FastifyRequest, reply: FastifyReply) => {
    if (request.url === "/livez") return;
    sampler.write("overload", (times) => log.warn({ times }, "the event loop is late: requests are refused"));
    sendError(request, reply, { status: 503, message });
  };
