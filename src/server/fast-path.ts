import { isUtf8 } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { markInexactNumbers } from "../json/index.ts";
import type { Log } from "../observability/index.ts";
import type { Drain } from "./drain.ts";
import { type ErrorResponse, refusalBody } from "./error-responses.ts";
import { requestId } from "./identify.ts";
import { answerCall, callsOf, type PlainRequest, plainRequest } from "./plain-calls.ts";
import { notUtf8 } from "./request-body.ts";
import { errorResponseFor } from "./request-checks.ts";
import type { Exchange } from "./request-context.ts";
import type { Headers, SharedHeaders } from "./shared-headers.ts";
import type { TRPCOptions } from "./trpc-adapter.ts";

/** Answers a request, or returns false: then Fastify must answer it. */
export type FastPath = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface FastPathOptions extends TRPCOptions {
  readonly log: Log;
  readonly drain: Drain;
  readonly sharedHeaders: SharedHeaders;
  /** Whether Fastify's hooks refuse requests at present. */
  readonly isOverloaded: () => boolean;
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** JSON. */
  readonly body: string;
}

/**
 * Answers plain calls before Fastify's routing and hooks, which with tRPC's adapter take most of the time of a look-up
 * (`npm run bench`).
 *
 * A request is examined before anything is read or written. One that Fastify's hooks would refuse, and one in a form that
 * is not plain, such as a stream, goes on to Fastify unchanged.
 */
export function createFastPath(options: FastPathOptions): FastPath {
  const { drain, isOverloaded, sharedHeaders } = options;
  return (request, response) => {
    const { method = "", url = "", headers } = request;
    const plain = plainRequest(method, url, headers);
    const shared = sharedHeaders(headers.origin);
    if (plain === undefined || shared === undefined || errorResponseFor(request) !== undefined) return false;
    if (drain.isDraining() || isOverloaded()) return false;

    drain.track(response);
    void respond({ request, response, requestId: requestId(headers) }, { plain, shared, options });
    return true;
  };
}

type PlainExchange = Pick<Exchange, "request" | "response" | "requestId">;

async function respond(
  exchange: PlainExchange,
  { plain, shared, options }: { plain: PlainRequest; shared: Headers; options: FastPathOptions },
): Promise<void> {
  const { request, response, requestId } = exchange;
  let answered: Answer;
  try {
    answered = await answer(exchange, plain, options);
  } catch (err) {
    options.log.error({ err, requestId }, "request failed");
    answered = refusal(request, { status: 500, message: "An internal error occurred." }, requestId);
  }
  const { status, headers, body } = answered;
  const length = String(Buffer.byteLength(body));
  const own = ["x-request-id", requestId, "content-type", "application/json; charset=utf-8", "content-length", length];
  const closing = options.drain.endsConnections() ? ["connection", "close"] : [];
  response.writeHead(status, [...shared, ...own, ...headers, ...closing]);
  // Head and body leave together.
  response.end(body);
}

async function answer(exchange: PlainExchange, plain: PlainRequest, options: FastPathOptions): Promise<Answer> {
  const { request, response, requestId } = exchange;
  let text = plain.queryInput;
  if (plain.bodyLength > 0) {
    const body = await readBody(request);
    if (!isUtf8(body)) {
      options.log.debug({ status: 400, reason: notUtf8, requestId }, "request refused");
      return refusal(request, { status: 400, message: notUtf8 }, requestId);
    }
    // Without a byte order mark, which JSON.parse refuses and the adapter's Request removes.
    text = body.toString().replace(/^\uFEFF/, "");
  }
  const cookies: string[] = [];
  const setCookie = (cookie: string) => void cookies.push("set-cookie", cookie);
  const ctx = await options.createContext({ request, response, requestId, setCookie, acceptsWrittenRows: true });
  const calls = callsOf(plain, text && markInexactNumbers(text));
  const answers = await Promise.all(calls.map((call) => answerCall(call, ctx)));

  const errors = [];
  for (const { error, path } of answers)
    if (error !== undefined) {
      errors.push(error);
      options.onError({ error, path, requestId });
    }
  const [first, ...others] = answers;
  return {
    status: others.every(({ status }) => status === first?.status) ? (first?.status ?? 200) : 207,
    headers: errors.length === 0 ? cookies : [...cookies, ...Object.entries(options.headers(errors)).flat()],
    body: plain.isBatch ? `[${answers.map(({ body }) => body).join(",")}]` : (first?.body ?? ""),
  };
}

/** Reads a body, which ends at the length that its head names. It never resolves if the client disconnects before. */
function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.once("end", () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
  });
}

const refusal = (request: IncomingMessage, response: ErrorResponse, requestId: string): Answer => ({
  status: response.status,
  headers: [],
  body: JSON.stringify(refusalBody(request, response, requestId)),
});
