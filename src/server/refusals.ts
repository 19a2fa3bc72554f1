import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Log } from "../log.ts";

/** What is answered to requests that never become a call: one form, a message and the request's id. */
function refuse(request: FastifyRequest, reply: FastifyReply, code: number, message: string): FastifyReply {
  return reply.code(code).send({ message, requestId: request.id });
}

/** A path that cannot be read reaches no hook and no handler: this is all that answers it. */
export function refuseUnreadablePath(_: FastifyError, request: FastifyRequest, reply: unknown): void {
  const answer = reply as FastifyReply;
  answer.header("x-request-id", request.id);
  refuse(request, answer, 400, "The path of the request cannot be read.");
}

/** The process is busy. It lives, all the same: nobody should restart it for that. */
export function refuseUnderPressure(request: FastifyRequest, reply: FastifyReply): void {
  if (request.url !== "/livez") refuse(request, reply, 503, "The service is overloaded. Try again in a few seconds.");
}

/** Answers what no route takes, and what a route failed at. */
export function addRefusals(server: FastifyInstance, log: Log): void {
  server.setNotFoundHandler(async (request, reply) =>
    refuse(request, reply, 404, "There is nothing here; procedures are at /trpc/<router>.<procedure>."),
  );
  server.setErrorHandler<FastifyError>(async (err, request, reply) => {
    const code = err.statusCode ?? 500;
    if (code >= 500) log.error({ err, requestId: request.id }, "request failed");
    // The texts of Fastify's own refusals (too large, not JSON) are for callers; others are not.
    const message = code < 500 ? err.message : "Something went wrong inside the service.";
    return refuse(request, reply, code, message);
  });
}
