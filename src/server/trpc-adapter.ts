import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import type { TRPCError } from "@trpc/server";
import { fastifyRequestHandler } from "@trpc/server/adapters/fastify";
import type { FastifyReply, FastifyRequest } from "fastify";
import { appRouter, type Context, currentRequestId } from "../routers/index.ts";
import { maxBatchSize } from "./limits.ts";
import type { ProcedureFailure } from "./procedure-errors.ts";
import type { Exchange } from "./request-context.ts";

/** Parameters of a request to `/trpc`. */
export interface TRPCRoute {
  Params: { path: string };
  Querystring: { batch?: string; input?: string; lastEventId?: string };
}

/** How calls are answered, by tRPC's adapter and by the fast path. */
export interface TRPCOptions {
  readonly createContext: (exchange: Exchange) => Context | Promise<Context>;
  /** Returns the headers of an answer with these errors. */
  readonly headers: (errors: readonly TRPCError[]) => Record<string, string>;
  readonly onError: (failure: ProcedureFailure) => void;
}

/** Answers a request by tRPC's own Fastify adapter, which implements the whole protocol. */
export function answerByAdapter(
  req: FastifyRequest<TRPCRoute>,
  res: FastifyReply,
  { createContext, headers, onError }: TRPCOptions,
) {
  const { method } = req.raw;
  // The adapter answers HEAD without calling a procedure.
  if (method === "HEAD") req.raw.method = "GET";
  const answered = currentRequestId.run(req.id, () =>
    fastifyRequestHandler({
      router: appRouter,
      maxBatchSize,
      allowMethodOverride: true,
      createContext: async () =>
        createContext({
          request: req.raw,
          response: res.raw,
          requestId: req.id,
          setCookie: (cookie) => void res.header("set-cookie", cookie),
          acceptsWrittenRows: false,
        }),
      responseMeta: ({ errors }) => ({ headers: headers(errors) }),
      onError: ({ error, path }) => onError({ error, path, requestId: req.id }),
      req,
      res,
      path: req.params.path,
    }),
  );
  req.raw.method = method;
  return answered;
}

/** Converts the adapter's web `Response` to what Fastify sends. */
export async function unwrapResponse(reply: FastifyReply, response: Response): Promise<Readable | string> {
  const { status, headers, body } = response;
  const isStream = headers.has("transfer-encoding") || headers.get("content-type") === "text/event-stream";
  headers.delete("transfer-encoding");
  // The adapter sends the error of a request that it refuses as a whole as text.
  if (headers.get("content-type")?.startsWith("text/plain")) headers.set("content-type", "application/json");
  const vary = [reply.getHeader("vary"), headers.get("vary")].filter(Boolean).join(", ");
  reply.code(status).headers({ ...Object.fromEntries(headers), vary });
  return isStream && body !== null ? Readable.fromWeb(body as ReadableStream) : response.text();
}
