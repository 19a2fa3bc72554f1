import type { IncomingMessage } from "node:http";
import { TRPCError } from "@trpc/server";
import type { FastifyReply, FastifyRequest } from "fastify";
import { UnavailableError } from "../errors.ts";
import type { Log } from "../observability/index.ts";
import { errorBody } from "../routers/index.ts";
import { maxListedErrors } from "./limits.ts";

declare module "fastify" {
  interface FastifyInstance {
    /** Logs requests that are refused before they become calls. */
    readonly errorResponseLog?: Log;
  }
}

const codes = new Map<number, TRPCError["code"]>([
  [404, "NOT_FOUND"],
  [405, "METHOD_NOT_SUPPORTED"],
  [408, "TIMEOUT"],
  [413, "PAYLOAD_TOO_LARGE"],
  [414, "PAYLOAD_TOO_LARGE"],
  [415, "UNSUPPORTED_MEDIA_TYPE"],
  [431, "PAYLOAD_TOO_LARGE"],
  [500, "INTERNAL_SERVER_ERROR"],
  [503, "SERVICE_UNAVAILABLE"],
]);

/** The answer to a refused request: HTTP status and a message for the client. */
export interface ErrorResponse {
  readonly status: number;
  readonly message: string;
}

/** Returns it as the body of a tRPC error, for a request that never becomes a call. */
export function errorResponseBody({ status, message }: ErrorResponse, requestId: string): object {
  const cause = status === 503 ? new UnavailableError(message) : undefined;
  const error = new TRPCError({ code: codes.get(status) ?? "BAD_REQUEST", message, cause });
  return errorBody(error, { requestId, status });
}

/**
 * Answers a request that never becomes a call. Below `/trpc` the body is a tRPC error, for a batch one error for each
 * of its calls; elsewhere it is a message with the id of the request.
 */
export function sendError(request: FastifyRequest, reply: FastifyReply, response: ErrorResponse): FastifyReply {
  const { id: requestId, raw } = request;
  const { status, message: reason } = response;
  request.server.errorResponseLog?.debug({ status, reason, requestId }, "request refused");
  reply.code(status);
  if (status === 503) reply.header("retry-after", String(new UnavailableError("").retryAfter));
  return reply.send(refusalBody(raw, response, requestId));
}

/** The body of such an answer. */
export function refusalBody(
  { url = "", headers }: IncomingMessage,
  response: ErrorResponse,
  requestId: string,
): object {
  const [path = "", query = ""] = url.split("?");
  if (!/^\/trpc(\/|$)/.test(path)) return { message: response.message, requestId };
  const body = errorResponseBody(response, requestId);
  // A client that asks for a stream reads no list.
  const isBatch = /(^|&)batch=1(&|$)/.test(query) && headers["trpc-accept"] === undefined;
  const calls = isBatch ? path.split(/,|%2C/i).length : 0;
  return calls > 0 && calls <= maxListedErrors ? Array(calls).fill(body) : body;
}
