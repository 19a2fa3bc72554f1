import { TRPCError } from "@trpc/server";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Unavailable } from "../errors.ts";
import type { Log } from "../log.ts";
import { errorBody } from "./plain-calls.ts";

/**
 * What is answered to requests that never become a call: to a client of tRPC's what it reads as an error, to others
 * a message and the request's id.
 */
function refuse(request: FastifyRequest, reply: FastifyReply, status: number, message: string): FastifyReply {
  const { id: requestId, url } = request;
  if (!url.startsWith("/trpc/")) return reply.code(status).send({ message, requestId });
  const cause = status === 503 ? new Unavailable(message) : undefined;
  const error = new TRPCError({ code: codes.get(status) ?? "BAD_REQUEST", message, cause });
  return reply.code(status).send(errorBody(error, { ctx: { requestId }, type: "unknown" }));
}

const codes = new Map<number, TRPCError["code"]>([
  [404, "NOT_FOUND"],
  [405, "METHOD_NOT_SUPPORTED"],
  [413, "PAYLOAD_TOO_LARGE"],
  [415, "UNSUPPORTED_MEDIA_TYPE"],
  [500, "INTERNAL_SERVER_ERROR"],
  [503, "SERVICE_UNAVAILABLE"],
]);

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
