import cors from "@fastify/cors";
import helmet from "@fastify/helmet";
import underPressure from "@fastify/under-pressure";
import { type FastifyInstance, fastify } from "fastify";
import type { Config } from "../config/index.ts";
import { UnavailableError } from "../errors.ts";
import type { Tokens } from "../identity/index.ts";
import type { Parts } from "../routers/index.ts";
import { addressOf } from "./client-address.ts";
import { drainOnClose } from "./drain.ts";
import { addRefusals, refuseUnderPressure, refuseUnreadablePath } from "./error-responses.ts";
import { identify, requestId } from "./identify.ts";
import { bodyLimit, maxHeaderSize } from "./limits.ts";
import { createClientErrorHandler } from "./parser-errors.ts";
import { addProbes } from "./probes.ts";
import { addTRPC } from "./trpc-routes.ts";

/** The HTTP server: tRPC at `/trpc`, probes beside it. Not listening yet. */
export async function createHttpServer(options: {
  config: Config;
  parts: Parts;
  tokens: Tokens;
}): Promise<FastifyInstance> {
  const { config, parts, tokens } = options;
  const arrival = config.http.requestTimeout * 2;
  const server = fastify({
    bodyLimit,
    http: {
      maxHeaderSize,
      requireHostHeader: false,
      // Alike, or Node would take the longer of the two for the whole request.
      requestTimeout: arrival,
      headersTimeout: arrival,
      // Node looks for late requests only so often.
      connectionsCheckingInterval: Math.ceil(arrival / 2),
    },
    clientErrorHandler: createClientErrorHandler(parts.log),
    // drainOnClose answers those, in tRPC's form.
    return503OnClosing: false,
    // Behind these the caller's address is in X-Forwarded-For; from anybody else that header could say anything.
    trustProxy: config.http.trustedProxies.length > 0 && [...config.http.trustedProxies],
    // A batch's path is all of its procedures' names: one of too many is refused as such.
    routerOptions: { maxParamLength: maxHeaderSize },
    requestTimeout: arrival,
    genReqId: (request) => requestId(request.headers),
    frameworkErrors: refuseUnreadablePath,
  });
  // Every answer names its request, as the log does.
  server.addHook("onRequest", async (request, reply) => {
    reply.headers({ "x-request-id": request.id, "cache-control": "no-store" });
  });
  drainOnClose(server, { timeout: config.http.shutdownTimeout, cancel: parts.database.cancel });
  addRefusals(server, parts.log);
  await server.register(helmet, {
    // An API of JSON: nothing in an answer may be run or framed (OWASP REST Security Cheat Sheet).
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
  });
  await server.register(cors, { origin: [...config.http.corsOrigins], maxAge: 3_600, strictPreflight: false });
  await server.register(underPressure, {
    maxEventLoopDelay: 2_000,
    retryAfter: 2,
    exposeStatusRoute: false,
    pressureHandler: refuseUnderPressure,
  });
  addProbes(server, parts.database);

  addTRPC(server, {
    createContext: async (request) => {
      // Whoever has hung up by the time that the token is read has no address any more.
      const ipAddress = addressOf(request.ip);
      const userAgent = request.headers["user-agent"]?.slice(0, 400);
      return { parts, requestId: request.id, caller: await identify(request.headers, tokens), ipAddress, userAgent };
    },
    headers: (errors) => {
      const seconds = Math.max(
        ...errors.map(({ cause }) => (cause instanceof UnavailableError ? cause.retryAfter : 0)),
      );
      return seconds > 0 ? { "retry-after": String(seconds) } : {};
    },
    onError: ({ error, path, requestId }) => {
      const isFault = error.cause instanceof UnavailableError && error.cause.isFault;
      const level =
        error.code === "INTERNAL_SERVER_ERROR" || isFault
          ? "error"
          : error.code === "SERVICE_UNAVAILABLE"
            ? "warn"
            : "debug";
      parts.log[level]({ err: error.cause ?? error, code: error.code, path, requestId }, "procedure failed");
    },
  });
  return server;
}
