import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Log } from "../observability/index.ts";
import { sendError } from "./error-responses.ts";
import { maxBodySize } from "./limits.ts";

/** Answers requests that match no route, and errors of routes. */
export function addFallbackHandlers(server: FastifyInstance, log: Log): void {
  server.setNotFoundHandler(async (request, reply) =>
    sendError(request, reply, {
      status: 404,
      message: "There is nothing here; procedures are at /trpc/<router>.<procedure>.",
    }),
  );
  server.setErrorHandler<FastifyError>(async (err, request, reply) => {
    const status = err.statusCode ?? 500;
    if (status >= 500) log.error({ err, requestId: request.id }, "request failed");
    // Fastify writes the messages of its 4xx errors for clients. Others may hold data.
    const message = status < 500 ? (messages[err.code] ?? err.message) : "An internal error occurred.";
    return sendError(request, reply, { status, message });
  });
}

/** Messages for errors of Fastify whose own message names no limit or remedy. */
const messages: Readonly<Record<string, string>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: `The request's body is larger than ${maxBodySize / 1024 / 1024} MiB.`,
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "The request's body must be JSON: send content-type: application/json.",
};

export const unreadablePath = "The path of the request cannot be read.";

/** Answers a path with an invalid escape sequence. Fastify runs no hook and no other handler for it. */
export function answerUnreadablePath(_: FastifyError, request: FastifyRequest, reply: unknown): void {
  const answer = reply as FastifyReply;
  answer.headers({ "x-request-id": request.id, "cache-control": "no-store" });
  sendError(request, answer, { status: 400, message: unreadablePath });
}
