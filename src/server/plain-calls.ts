import type { IncomingHttpHeaders } from "node:http";
import { getTRPCErrorFromUnknown, TRPCError } from "@trpc/server";
import { getHTTPStatusCodeFromError } from "@trpc/server/http";
import {
  type Context,
  deserializeInput,
  errorBody,
  type ProcedureEntry,
  procedures,
  resultBody,
} from "../routers/index.ts";
import { maxBatchSize, maxBodySize } from "./limits.ts";

/** Never aborted: a procedure runs to its end even if its client disconnects. */
const { signal } = new AbortController();

/** A request in tRPC's plain JSON form: queries or mutations, batched or not. */
export interface PlainRequest {
  readonly called: readonly ProcedureEntry[];
  readonly isBatch: boolean;
  /** Length of the body, which holds the input of a POST (bytes). */
  readonly bodyLength: number;
  /** The input of a GET: JSON. */
  readonly queryInput: string | undefined;
}

/** One call of a request. */
export interface Call {
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

/** Returns what a request calls; undefined if it is not plain, so that Fastify and tRPC's adapter answer it. */
export function plainRequest(method: string, url: string, headers: IncomingHttpHeaders): PlainRequest | undefined {
  // A fragment does not belong to a request (RFC 9112, section 3.2).
  const [, paths, query = ""] = /^\/trpc\/([\w.,]+)(?:\?([^#]*))?$/.exec(url) ?? [];
  if (paths === undefined || headers["trpc-accept"] !== undefined) return undefined;
  const parameters = plainQuery(query);
  if (parameters === undefined) return undefined;
  const isBatch = parameters.batch === "1";
  // HEAD is answered like GET, without the body (RFC 9110, section 9.3.2).
  const isGet = method === "GET" || method === "HEAD";
  const bodyLength = isGet ? plainQueryBody(headers) : plainBodyLength(method, headers);
  if (bodyLength === undefined || (!isGet && parameters.input !== undefined)) return undefined;
  const called = calledProcedures(isBatch ? paths.split(",") : [paths], isGet);
  return called && { called, isBatch, bodyLength, queryInput: parameters.input };
}

/** The parameters of a query that has no others, none twice, and no "+" for a space. */
function plainQuery(query: string): { batch?: string; input?: string } | undefined {
  const parameters: { batch?: string; input?: string } = {};
  if (query === "") return parameters;
  for (const pair of query.split("&")) {
    const end = pair.indexOf("=");
    if (end < 0) return undefined;
    const name = pair.slice(0, end);
    if ((name !== "batch" && name !== "input") || parameters[name] !== undefined) return undefined;
    const value = pair.slice(end + 1);
    if (value.includes("+") || value.includes("=")) return undefined;
    try {
      parameters[name] = decodeURIComponent(value);
    } catch {
      return undefined;
    }
  }
  return parameters;
}

/** A query has no body, but clients name the type that one would have. The adapter refuses other types than JSON. */
const plainQueryBody = ({ "content-type": type }: IncomingHttpHeaders): 0 | undefined =>
  type === undefined || jsonType.test(type) ? 0 : undefined;

const jsonType = /^application\/json(; ?charset=utf-8)?$/i;

/** The length of a body of JSON whose end is known before it is read. */
function plainBodyLength(method: string, headers: IncomingHttpHeaders): number | undefined {
  const length = Number(headers["content-length"] ?? 0);
  const isJson = jsonType.test(headers["content-type"] ?? "");
  const isPlain = method === "POST" && isJson && headers["transfer-encoding"] === undefined;
  return isPlain && length <= maxBodySize ? length : undefined;
}

/** The procedures of these paths, if all exist, have one type, and may be called by this method, in one request. */
function calledProcedures(paths: readonly string[], isGet: boolean): ProcedureEntry[] | undefined {
  if (paths.length > maxBatchSize) return undefined;
  const called: ProcedureEntry[] = [];
  for (const path of paths) {
    const procedure = procedures.get(path);
    if (procedure === undefined) return undefined;
    called.push(procedure);
  }
  const [first] = called;
  // A query may be sent by POST: a long filter does not fit in a URL.
  if (first === undefined || first.type === "subscription" || (isGet && first.type === "mutation")) return undefined;
  const isRefused = called.some(
    ({ type, access }) => type !== first.type || (called.length > 1 && access.isCredential),
  );
  return isRefused ? undefined : called;
}

/** Returns the calls of a request. @param text the JSON of their input */
export function callsOf({ called, isBatch }: PlainRequest, text: string | undefined): Call[] {
  const inputs = text ? lazyInputs(text, isBatch) : () => undefined;
  return called.map((procedure, batchIndex) => {
    let deserialized: unknown;
    let isRead = false;
    return {
      procedure,
      batchIndex,
      // Authorization reads the input too.
      getRawInput: async () => {
        if (isRead) return deserialized;
        const input = inputs(batchIndex);
        deserialized = input === undefined ? undefined : deserializeInput(input);
        isRead = true;
        return deserialized;
      },
    };
  });
}

/** Runs a call. If its answer cannot be serialized, only this call of a batch fails. */
export async function answerCall({ procedure, batchIndex, getRawInput }: Call, ctx: Context): Promise<Answer> {
  const { path, type } = procedure;
  try {
    const data = await procedure.call({ ctx, getRawInput, batchIndex, signal });
    return { path, status: 200, body: resultBody(data) };
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
