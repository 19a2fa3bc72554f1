import { TRPCError } from "@trpc/server";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { UnavailableError } from "../errors.ts";
import type { Log } from "../observability/index.ts";
import { errorBody } from "./fast-path.ts";
import { bodyLimit, maxBatchSize } from "./limits.ts";

declare module "fastify" {
  interface FastifyInstance {
    /** Where refusals are logged. */
    readonly refusalLog?: Log;
  }
}

const codes = new Map<number, TRPCError["code"]>([
  [404, "NOT_FOUND"],
  [405, "METHOD_NOT_SUPPORTED"],
  [408, "TIMEOUT"],
  [413, "PAYLOAD_TOO_LARGE"],
  [415, "UNSUPPORTED_MEDIA_TYPE"],
  [431, "PAYLOAD_TOO_LARGE"],
  [500, "INTERNAL_SERVER_ERROR"],
  [503, "SERVICE_UNAVAILABLE"],
]);

/** The body of a refusal in tRPC's form. */
export function refusalBody(status: number, message: string, requestId: string): object {
  const cause = status === 503 ? new UnavailableError(message) : undefined;
  const error = new TRPCError({ code: codes.get(status) ?? "BAD_REQUEST", message, cause });
  return errorBody(error, { ctx: { requestId }, type: "unknown", status });
}

/**
 * Answers a request that never becomes a call: a client of tRPC gets what it reads as an error, as often as its batch
 * has calls; others a message and the request's id.
 */
export function refuse(request: FastifyRequest, reply: FastifyReply, status: number, message: string): FastifyReply {
  const { id: requestId, url } = request;
  request.server.refusalLog?.debug({ status, reason: message, requestId }, "request refused");
  reply.code(status);
  if (status === 503) reply.header("retry-after", String(new UnavailableError("").retryAfter));
  const [path = "", query = ""] = url.split("?");
  if (!/^\/trpc(\/|$)/.test(path)) return reply.send({ message, requestId });
  const body = refusalBody(status, message, requestId);
  // tRPC's clients take one error for all calls, too, and the streaming one takes no list: only what asks for a list
  // gets one, and a batch beyond the limit does not.
  const listed = /(^|&)batch=1(&|$)/.test(query) && request.headers["trpc-accept"] === undefined;
  const calls = listed ? path.split(/,|%2C/i).length : 0;
  return reply.send(calls > 0 && calls <= maxBatchSize ? Array(calls).fill(body) : body);
}

/** A path that cannot be read reaches no hook and no handler: this is all that answers it. */
export function refuseUnreadablePath(_: FastifyError, request: FastifyRequest, reply: unknown): void {
  const answer = reply as FastifyReply;
  answer.headers({ "x-request-id": request.id, "cache-control": "no-store" });
  refuse(request, answer, 400, "The path of the request cannot be read.");
}

/** The process is busy. It lives, all the same: nobody should restart it for that. */
export function refuseUnderPressure(request: FastifyRequest, reply: FastifyReply): void {
  if (request.url !== "/livez") refuse(request, reply, 503, "The service is overloaded. Try again in a few seconds.");
}

/** Fastify's own refusals whose texts name no limit or remedy. */
const texts: Readonly<Record<string, string>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: `The request's body is larger than ${bodyLimit / 1024 / 1024} MiB.`,
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "The request's body must be JSON: send content-type: application/json.",
};

/** Answers what no route takes, and what a route failed at. */
export function addRefusals(server: FastifyInstance, log: Log): void {
  server.decorate("refusalLog", log);
  server.server.on("checkExpectation", (request, response) => server.server.emit("request", request, response));
  server.addHook("onRequest", (request, reply, done) => {
    const { host, expect, "content-encoding": encoding } = request.headers;
    // Node answers these two itself, without a body, unless told to pass them on (RFC 9110, 7.2 and 10.1.1).
    if (host === undefined && request.raw.httpVersion === "1.1")
      refuse(request, reply, 400, "There is no Host header.");
    else if (expect !== undefined && !/^100-continue$/i.test(expect))
      refuse(request, reply, 417, "Expect is not met: leave it out.");
    else if (encoding !== undefined && !/^identity$/i.test(encoding)) {
      reply.header("accept-encoding", "identity");
      refuse(request, reply, 415, "No content-encoding is read: send the body as it is.");
    } else done();
  });
  server.setNotFoundHandler(async (request, reply) =>
    refuse(request, reply, 404, "There is nothing here; procedures are at /trpc/<router>.<procedure>."),
  );
  server.setErrorHandler<FastifyError>(async (err, request, reply) => {
    const code = err.statusCode ?? 500;
    if (code >= 500) log.error({ err, requestId: request.id }, "request failed");
    // The texts of Fastify's own refusals are for callers; others are not.
    const message = code < 500 ? (texts[err.code] ?? err.message) : "Something went wrong inside the service.";
    return refuse(request, reply, code, message);
  });
}
