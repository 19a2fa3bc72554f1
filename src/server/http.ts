import { isIP } from "node:net";
import cors from "@fastify/cors";
import helmet from "@fastify/helmet";
import underPressure from "@fastify/under-pressure";
import { type FastifyInstance, fastify } from "fastify";
import type { Config } from "../config.ts";
import { Unavailable } from "../errors.ts";
import type { Tokens } from "../identity/tokens.ts";
import type { Parts } from "../routers/context.ts";
import { identify, requestId } from "./identify.ts";
import { addProbes } from "./probes.ts";
import { addRefusals, refuseUnderPressure, refuseUnreadablePath } from "./refusals.ts";
import { addTRPC } from "./trpc.ts";

/** Largest request that is read (bytes): a batch of a hundred of the largest inputs fits. */
const bodyLimit = 4 * 1024 * 1024;

/** The HTTP server: tRPC at `/trpc`, probes beside it. Not listening yet. */
export async function createHttpServer(options: {
  config: Config;
  parts: Parts;
  tokens: Tokens;
}): Promise<FastifyInstance> {
  const { config, parts, tokens } = options;
  const server = fastify({
    bodyLimit,
    // Behind these the caller's address is in X-Forwarded-For; from anybody else that header could say anything.
    trustProxy: config.http.trustedProxies.length > 0 && [...config.http.trustedProxies],
    // A batch's path is all of its procedures' names.
    routerOptions: { maxParamLength: 5_000 },
    requestTimeout: config.http.requestTimeout * 2,
    genReqId: (request) => requestId(request.headers),
    frameworkErrors: refuseUnreadablePath,
  });
  // Every answer names its request, as the log does.
  server.addHook("onRequest", async (request, reply) => {
    reply.headers({ "x-request-id": request.id, "cache-control": "no-store" });
  });
  addRefusals(server, parts.log);
  closeInTime(server, config.http.shutdownTimeout);
  await server.register(helmet, {
    // An API of JSON: nothing in an answer may be run or framed (OWASP REST Security Cheat Sheet).
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
  });
  await server.register(cors, { origin: [...config.http.corsOrigins], maxAge: 3_600 });
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
      const seconds = Math.max(...errors.map(({ cause }) => (cause instanceof Unavailable ? cause.retryAfter : 0)));
      return seconds > 0 ? { "retry-after": String(seconds) } : {};
    },
    onError: ({ error, path, ctx }) => {
      const isFault = error.cause instanceof Unavailable && error.cause.isFault;
      const level =
        error.code === "INTERNAL_SERVER_ERROR" || isFault
          ? "error"
          : error.code === "SERVICE_UNAVAILABLE"
            ? "warn"
            : "debug";
      parts.log[level](
        { err: error.cause ?? error, code: error.code, path, requestId: ctx?.requestId },
        "procedure failed",
      );
    },
  });
  return server;
}

/** The address in what a proxy or the network says, as PostgreSQL takes it: without port and zone (RFC 4007, 11). */
function addressOf(text: string | undefined = ""): string | undefined {
  const address = text.replace(/^\[(.*)\](:\d+)?$|^([\d.]+):\d+$/, "$1$3").replace(/%.*$/, "");
  return isIP(address) === 0 ? undefined : address;
}

/** Running requests may finish for `timeout` ms after the server began to close; then their connections are ended. */
function closeInTime(server: FastifyInstance, timeout: number): void {
  let deadline: NodeJS.Timeout | undefined;
  server.addHook("preClose", async () => {
    deadline = setTimeout(() => server.server.closeAllConnections(), timeout);
  });
  server.addHook("onClose", async () => clearTimeout(deadline));
}
