import {
  type AnyTRPCRouter,
  getTRPCErrorFromUnknown,
  getTRPCErrorShape,
  type TRPCError,
  transformTRPCResponse,
} from "@trpc/server";
import { type FastifyHandlerOptions, fastifyRequestHandler } from "@trpc/server/adapters/fastify";
import { getHTTPStatusCode } from "@trpc/server/http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Context } from "../routers/context.ts";
import { appRouter } from "../routers/index.ts";

/** Calls that one request may carry. */
const maxBatchSize = 100;

/** Nothing here is cancelled half-way: a write that has begun is finished, whether or not its caller waits. */
const { signal } = new AbortController();

interface TRPCOptions {
  createContext: (request: FastifyRequest) => Promise<Context>;
  /** Headers of an answer that holds these errors. */
  headers: (errors: readonly TRPCError[]) => Record<string, string>;
  onError: (failure: { error: TRPCError; path: string | undefined; ctx: Context | undefined }) => void;
}

interface Route {
  Params: { path: string };
  Querystring: { batch?: string; input?: string };
}

/**
 * Serves the router at `/trpc`.
 *
 * tRPC's own Fastify adapter builds a web Request, Response and stream for every call, and spends
 * two thirds of a look-up on them (`npm run bench`). So plain JSON queries and mutations, batched
 * or not, are answered here without; whatever else there is (streams, forms, calls in error) goes
 * to tRPC's adapter, which knows the whole protocol.
 */
export function addTRPC(server: FastifyInstance, options: TRPCOptions): void {
  server.register(async (scope) => {
    // Bodies stay text: tRPC parses them.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("application/json", { parseAs: "string" }, (_, body, done) => done(null, body));
    scope.addContentTypeParser("*", (_, body, done) => done(null, body));

    const adapter: Omit<
      FastifyHandlerOptions<typeof appRouter, FastifyRequest, FastifyReply>,
      "req" | "res" | "path"
    > = {
      router: appRouter,
      maxBatchSize,
      createContext: ({ req }) => options.createContext(req),
      responseMeta: ({ errors }) => ({ headers: options.headers(errors) }),
      onError: options.onError,
    };
    scope.all<Route>("/trpc/:path", async (req, res) => {
      const calls = plainCalls(req);
      if (calls === undefined) return fastifyRequestHandler({ ...adapter, req, res, path: req.params.path });

      const ctx = await options.createContext(req);
      const errors: TRPCError[] = [];
      const answers = await Promise.all(
        calls.map(async (call) => {
          try {
            return { result: { data: await call.procedure({ ...call, ctx, signal }) } };
          } catch (cause) {
            const error = getTRPCErrorFromUnknown(cause);
            errors.push(error);
            options.onError({ error, path: call.path, ctx });
            return {
              error: getTRPCErrorShape({ config, error, ctx, path: call.path, type: call.type, input: undefined }),
            };
          }
        }),
      );
      const body = req.query.batch === "1" ? answers : (answers[0] as (typeof answers)[0]);
      return res
        .code(getHTTPStatusCode(body))
        .headers(options.headers(errors))
        .type("application/json")
        .send(JSON.stringify(transformTRPCResponse(config, body)));
    });
  });
}

const { _config: config } = appRouter._def;
const procedures: AnyTRPCRouter["_def"]["procedures"] = appRouter._def.procedures;

interface Call {
  readonly path: string;
  readonly type: "query" | "mutation";
  readonly batchIndex: number;
  readonly procedure: AnyTRPCRouter["_def"]["procedures"][string];
  readonly getRawInput: () => Promise<unknown>;
}

/** The calls of a plain JSON request; undefined where the request is anything else. */
function plainCalls(request: FastifyRequest<Route>): Call[] | undefined {
  const { method, query, headers } = request;
  const type = method === "GET" ? "query" : method === "POST" ? "mutation" : undefined;
  const text = method === "GET" ? query.input : request.body;
  const batch = query.batch === "1";
  if (type === undefined || headers["trpc-accept"] !== undefined) return undefined;
  if (text !== undefined && typeof text !== "string") return undefined;
  if (method === "POST" && !headers["content-type"]?.startsWith("application/json")) return undefined;

  const paths = batch ? request.params.path.split(",") : [request.params.path];
  if (paths.length > maxBatchSize || paths.some((path) => !isProcedure(path, type))) return undefined;

  // Parsed when a procedure asks for it, so that what is wrong with it is that procedure's error.
  let parsed: Record<number, unknown> | undefined;
  const inputs = () => {
    parsed ??= (text ? JSON.parse(text) : {}) as Record<number, unknown>;
    return parsed;
  };
  return paths.map((path, batchIndex) => ({
    path,
    type,
    batchIndex,
    procedure: procedures[path],
    getRawInput: async () => {
      const input = text === undefined ? undefined : batch ? inputs()[batchIndex] : inputs();
      return input === undefined ? undefined : config.transformer.input.deserialize(input);
    },
  }));
}

function isProcedure(path: string, type: "query" | "mutation"): boolean {
  return Object.hasOwn(procedures, path) && procedures[path]._def.type === type;
}
