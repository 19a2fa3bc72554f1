import { getTRPCErrorFromUnknown, TRPCError } from "@trpc/server";
import { getHTTPStatusCodeFromError } from "@trpc/server/http";
import type { FastifyRequest } from "fastify";
import {
  type Context,
  deserializeInput,
  errorBody,
  type ProcedureEntry,
  procedures,
  resultBody,
} from "../routers/index.ts";
import { maxBatchSize } from "./limits.ts";

/** Never aborted: a procedure runs to its end even if its client disconnects. */
const { signal } = new AbortController();

/** Parameters of a request to `/trpc`. */
export interface TRPCRoute {
  Params: { path: string };
  Querystring: { batch?: string; input?: string };
}

interface Call {
  readonly procedure: ProcedureEntry;
  readonly batchIndex: number;
  readonly getRawInput: () => Promise<unknown>;
}

interface Answer {
  readonly path: string;
  readonly status: number;
  /** JSON. */
  readonly body: string;
  readonly error?: TRPCError;
}

/** Returns the calls of a plain JSON request; undefined if tRPC's adapter must answer the request. */
export function plainCalls(request: FastifyRequest<TRPCRoute>): Call[] | undefined {
  const { query, headers } = request;
  // HEAD is answered like GET, without the body (RFC 9110, section 9.3.2).
  const method = request.method === "HEAD" ? "GET" : request.method;
  const text = method === "GET" ? query.input : request.body;
  const isBatch = query.batch === "1";
  if (headers["trpc-accept"] !== undefined) return undefined;
  if (text !== undefined && typeof text !== "string") return undefined;
  if (method === "POST" && !headers["content-type"]?.startsWith("application/json")) return undefined;

  const called = calledProcedures(isBatch ? request.params.path.split(",") : [request.params.path], method);
  if (called === undefined) return undefined;
  const inputs = text ? lazyInputs(text, isBatch) : () => undefined;
  return called.map((procedure, batchIndex) => ({
    procedure,
    batchIndex,
    getRawInput: async () => {
      const input = inputs(batchIndex);
      return input === undefined ? undefined : deserializeInput(input);
    },
  }));
}

/** The procedures of these paths, if all exist, have one type, and may be called by this method. */
function calledProcedures(paths: readonly string[], method: string): ProcedureEntry[] | undefined {
  if (paths.length > maxBatchSize) return undefined;
  const called = paths.flatMap((path) => procedures.get(path) ?? []);
  const types = new Set(called.map(({ type }) => type));
  // A query may be sent by POST: a long filter does not fit in a URL.
  const isAllowed = method === "POST" || (method === "GET" && !types.has("mutation"));
  return called.length === paths.length && types.size === 1 && isAllowed ? called : undefined;
}

/** Runs a call. If its answer cannot be serialized, only this call of a batch fails. */
export async function answerCall({ procedure, ...call }: Call, ctx: Context): Promise<Answer> {
  const { path, type } = procedure;
  try {
    const data = await procedure.call({ ...call, ctx, signal });
    return { path, status: 200, body: JSON.stringify(resultBody(data)) };
  } catch (cause) {
    const error = getTRPCErrorFromUnknown(cause);
    const body = JSON.stringify(errorBody(error, { requestId: ctx.requestId, path, type }));
    return { path, status: getHTTPStatusCodeFromError(error), body, error };
  }
}

/**
 * Returns a function that gives the input of each call, or throws the error of the text. The text is parsed once, when
 * the first procedure asks for its input: an unauthorized call costs no parsing.
 */
function lazyInputs(text: string, isBatch: boolean): (batchIndex: number) => unknown {
  let outcome: { readonly value: unknown } | { readonly error: unknown } | undefined;
  return (batchIndex) => {
    outcome ??= parse(text);
    if ("error" in outcome) throw outcome.error;
    if (!isBatch) return outcome.value;
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
