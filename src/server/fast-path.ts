import {
  type AnyTRPCRouter,
  getTRPCErrorFromUnknown,
  getTRPCErrorShape,
  type ProcedureType,
  TRPCError,
  transformTRPCResponse,
} from "@trpc/server";
import { getHTTPStatusCodeFromError } from "@trpc/server/http";
import type { FastifyRequest } from "fastify";
import { appRouter, type Context } from "../routers/index.ts";
import { maxBatchSize } from "./limits.ts";

/** Nothing here is cancelled half-way: a write that has begun is finished, whether or not its caller waits. */
const { signal } = new AbortController();

const { _config: config } = appRouter._def;
const procedures: AnyTRPCRouter["_def"]["procedures"] = appRouter._def.procedures;

/** What a request to `/trpc` is made of. */
export interface Route {
  Params: { path: string };
  Querystring: { batch?: string; input?: string };
}

interface Call {
  readonly path: string;
  readonly type: "query" | "mutation";
  readonly batchIndex: number;
  readonly procedure: AnyTRPCRouter["_def"]["procedures"][string];
  readonly getRawInput: () => Promise<unknown>;
}

interface Answer {
  readonly path: string;
  readonly status: number;
  /** JSON. */
  readonly body: string;
  readonly error?: TRPCError;
}

/** The calls of a plain JSON request; undefined where the request is anything else. */
export function plainCalls(request: FastifyRequest<Route>): Call[] | undefined {
  const { query, headers } = request;
  // What HEAD asks for is a GET without its body (RFC 9110, 9.3.2).
  const method = request.method === "HEAD" ? "GET" : request.method;
  const text = method === "GET" ? query.input : request.body;
  const batch = query.batch === "1";
  if (headers["trpc-accept"] !== undefined) return undefined;
  if (text !== undefined && typeof text !== "string") return undefined;
  if (method === "POST" && !headers["content-type"]?.startsWith("application/json")) return undefined;

  const paths = batch ? request.params.path.split(",") : [request.params.path];
  if (paths.length > maxBatchSize || paths.some((path) => !isCallable(path, method))) return undefined;
  // tRPC refuses what is read beside what is written: they would run at the same time.
  if (new Set(paths.map((path) => procedures[path]._def.type)).size > 1) return undefined;

  const inputs = text ? readInputs(text, batch) : () => undefined;
  return paths.map((path, batchIndex) => ({
    path,
    type: procedures[path]._def.type,
    batchIndex,
    procedure: procedures[path],
    getRawInput: async () => {
      const input = inputs(batchIndex);
      return input === undefined ? undefined : config.transformer.input.deserialize(input);
    },
  }));
}

/** Calls a procedure and puts what it says into words. One that cannot be put into words is that call's error alone. */
export async function answer(call: Call, ctx: Context): Promise<Answer> {
  const { path } = call;
  try {
    const data = await call.procedure({ ...call, ctx, signal });
    return { path, status: 200, body: JSON.stringify(transformTRPCResponse(config, { result: { data } })) };
  } catch (cause) {
    const error = getTRPCErrorFromUnknown(cause);
    const body = JSON.stringify(errorBody(error, { ctx, path, type: call.type }));
    return { path, status: getHTTPStatusCodeFromError(error), body, error };
  }
}

/** An error in tRPC's form; `status` where it is not the one that tRPC has for its code. */
export function errorBody(
  error: TRPCError,
  {
    ctx,
    status,
    ...call
  }: { ctx: Pick<Context, "requestId">; path?: string; type: ProcedureType | "unknown"; status?: number },
): object {
  const found = getTRPCErrorShape({ config, error, ctx: ctx as Context, path: undefined, input: undefined, ...call });
  const shape = status === undefined ? found : { ...found, data: { ...found.data, httpStatus: status } };
  return transformTRPCResponse(config, { error: shape });
}

/**
 * Gives the input of each call, or throws what is wrong with the text: that is the error of each of them.
 * Parsed once, and not before a procedure asks: whoever may not call it costs no parsing.
 */
function readInputs(text: string, batch: boolean): (batchIndex: number) => unknown {
  let outcome: { readonly value: unknown } | { readonly error: unknown } | undefined;
  return (batchIndex) => {
    outcome ??= parse(text);
    if ("error" in outcome) throw outcome.error;
    if (!batch) return outcome.value;
    const { value } = outcome;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new TRPCError({ code: "BAD_REQUEST", message: '"input" needs to be an object when doing a batch call' });
    }
    return (value as Record<number, unknown>)[batchIndex];
  };
}

function parse(text: string): { value: unknown } | { error: unknown } {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return { error };
  }
}

/** What is read may be asked for by POST, too: an address holds no long filter. */
function isCallable(path: string, method: string): boolean {
  if (!Object.hasOwn(procedures, path)) return false;
  const { type } = procedures[path]._def;
  return type === "query" ? method === "GET" || method === "POST" : type === "mutation" && method === "POST";
}
