import { createServer } from "node:http";
import cors from "@fastify/cors";
import helmet from "@fastify/helmet";
import { type FastifyInstance, fastify } from "fastify";
import type { Config } from "../config/index.ts";
import type { Services } from "../routers/index.ts";
import { drainOnClose } from "./drain.ts";
import { addFallbackHandlers, answerUnreadablePath } from "./fallback-handlers.ts";
import { createFastPath, type FastPath } from "./fast-path.ts";
import { requestId } from "./identify.ts";
import { maxBodySize, maxParsedHeadSize } from "./limits.ts";
import { refuseOverload } from "./overload.ts";
import { createClientErrorHandler } from "./parser-errors.ts";
import { addProbes } from "./probes.ts";
import { errorHeaders, logProcedureError } from "./procedure-errors.ts";
import { addRequestChecks } from "./request-checks.ts";
import { createContexts } from "./request-context.ts";
import { keepSharedHeaders, learnSharedHeaders } from "./shared-headers.ts";
import type { TRPCOptions } from "./trpc-adapter.ts";
import { addTRPC } from "./trpc-routes.ts";

/**
 * Returns the HTTP server, which does not listen yet: tRPC at `/trpc`, and the probes `/livez` and `/readyz`.
 *
 * @param options.stopping aborted when it will be closed: it is not ready from then on
 */
export async function createHttpServer(options: {
  config: Config;
  services: Services;
  stopping: AbortSignal;
}): Promise<FastifyInstance> {
  const { config, services, stopping } = options;
  const { database, log } = services;
  let answerFast: FastPath = () => false;
  const server = newServer(config, services, (request, response) => answerFast(request, response));
  server.decorate("errorResponseLog", log);
  server.addHook("onRequest", async (request, reply) => {
    reply.headers({ "x-request-id": request.id, "cache-control": "no-store" });
  });
  await server.register(helmet, {
    // An API of JSON: nothing in an answer may be run or framed (OWASP REST Security Cheat Sheet).
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
  });
  // Before the hooks that refuse requests, so that pages of allowed origins can read refusals.
  await server.register(cors, {
    origin: [...config.http.corsOrigins],
    // Pages may send and receive the cookies of a session.
    credentials: true,
    exposedHeaders: ["retry-after", "x-request-id"],
    maxAge: 3_600,
    strictPreflight: false,
  });
  const sharedHeaders = keepSharedHeaders(server, config.http.corsOrigins);
  const drain = drainOnClose(server, { stopping, timeout: config.http.shutdownTimeout, cancel: database.cancel });
  addRequestChecks(server);
  addFallbackHandlers(server, log);
  await refuseOverload(server, log);
  addProbes(server, services);
  const calls: TRPCOptions = {
    createContext: createContexts(services, config.http),
    headers: errorHeaders,
    onError: (failure) => logProcedureError(log, failure),
  };
  addTRPC(server, calls);
  answerFast = createFastPath({ ...calls, log, drain, sharedHeaders, isOverloaded: () => server.isUnderPressure() });
  await learnSharedHeaders(server, config.http.corsOrigins);
  return server;
}

/** Takes the place of Fastify's compilers of JSON schemas. */
const noCompiler = () => {
  throw new TypeError("a route must not have a JSON schema");
};

/** How long a connection without a request stays open (ms): longer than load balancers keep theirs. */
const keepAliveTimeout = 72_000;

function newServer({ http }: Config, { log }: Services, answerFast: FastPath): FastifyInstance {
  const arrivalTimeout = http.requestTimeout * 2;
  return fastify({
    bodyLimit: maxBodySize,
    // No route has a JSON schema. Fastify would load its compilers at each start.
    schemaController: { compilersFactory: { buildValidator: noCompiler, buildSerializer: noCompiler } },
    serverFactory: (handle) => {
      const options = {
        maxHeaderSize: maxParsedHeadSize,
        requireHostHeader: false,
        keepAliveTimeout,
        // Node applies the longer of the two to the whole request, so they are equal.
        requestTimeout: arrivalTimeout,
        headersTimeout: arrivalTimeout,
        connectionsCheckingInterval: Math.ceil(arrivalTimeout / 2),
      };
      return createServer(options, (request, response) => {
        if (!answerFast(request, response)) handle(request, response);
      });
    },
    clientErrorHandler: createClientErrorHandler(log),
    // drainOnClose answers requests during shutdown, as tRPC errors.
    return503OnClosing: false,
    // The path of a batch holds the names of all its procedures.
    routerOptions: { maxParamLength: maxParsedHeadSize },
    genReqId: (request) => requestId(request.headers),
    frameworkErrors: answerUnreadablePath,
  });
}
