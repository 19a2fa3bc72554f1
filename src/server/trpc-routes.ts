import { isUtf8 } from "node:buffer";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import type { TRPCError } from "@trpc/server";
import { fastifyRequestHandler } from "@trpc/server/adapters/fastify";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { markInexactNumbers } from "../json/index.ts";
import { appRouter, type Context, currentRequestId } from "../routers/index.ts";
import { refuse } from "./error-responses.ts";
import { answer, plainCalls, type Route } from "./fast-path.ts";
import { maxBatchSize } from "./limits.ts";

export interface TRPCOptions {
  createContext: (request: FastifyRequest) => Promise<Context>;
  /** Headers of an answer that holds these errors. */
  headers: (errors: readonly TRPCError[]) => Record<string, string>;
  onError: (failure: { error: TRPCError; path: string | undefined; requestId: string }) => void;
}

/**
 * Serves the router at `/trpc`.
 *
 * tRPC's own Fastify adapter builds a web Request, Response and stream for every call, and spends
 * two thirds of a look-up on them (`npm run bench`). So plain JSON queries and mutations, batched
 * or not, are answered here without; whatever else there is (streamed answers, requests that are no
 * good) goes to tRPC's adapter, which knows the whole protocol.
 */
export function addTRPC(server: FastifyInstance, options: TRPCOptions): void {
  server.register(async (scope) => {
    // Bodies stay text: tRPC parses them. Nothing but JSON is read, as no procedure takes forms or files.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("application/json", { parseAs: "buffer" }, (request, body, done) =>
      readText(request.headers["content-type"], body as Buffer, done),
    );

    scope.addHook("onSend", (_, reply, payload, done) => {
      if (payload instanceof Response) unwrap(reply, payload).then((body) => done(null, body), done);
      else done(null, payload);
    });

    const toAdapter = (req: FastifyRequest<Route>, res: FastifyReply) => {
      const { method } = req.raw;
      // It answers HEAD without asking any procedure.
      if (method === "HEAD") req.raw.method = "GET";
      const answered = currentRequestId.run(req.id, () =>
        fastifyRequestHandler({
          router: appRouter,
          maxBatchSize,
          allowMethodOverride: true,
          createContext: () => options.createContext(req),
          responseMeta: ({ errors }) => ({ headers: options.headers(errors) }),
          onError: ({ error, path }) => options.onError({ error, path, requestId: req.id }),
          req,
          res,
          path: req.params.path,
        }),
      );
      req.raw.method = method;
      return answered;
    };
    const handle = async (req: FastifyRequest<Route>, res: FastifyReply) => {
      markNumbersOfAddress(req);
      const calls = plainCalls(req);
      if (calls === undefined) {
        const count = req.query.batch === "1" ? req.params.path.split(",").length : 1;
        return count > maxBatchSize ? refuse(req, res, 400, tooMany(count)) : toAdapter(req, res);
      }
      const ctx = await options.createContext(req);
      const answers = await Promise.all(calls.map((call) => answer(call, ctx)));
      for (const { error, path } of answers)
        if (error !== undefined) options.onError({ error, path, requestId: req.id });
      const bodies = answers.map(({ body }) => body);
      const [first, ...others] = answers.map(({ status }) => status);
      return res
        .code(others.every((status) => status === first) ? (first ?? 200) : 207)
        .headers(options.headers(answers.flatMap(({ error }) => error ?? [])))
        .type("application/json")
        .send(req.query.batch === "1" ? `[${bodies.join(",")}]` : bodies[0]);
    };
    scope.get<Route>("/trpc/:path", handle);
    scope.post<Route>("/trpc/:path", handle);
    scope.route({
      method: ["PUT", "PATCH", "DELETE", "OPTIONS"],
      url: "/trpc/:path",
      // Before its body is read: of whatever type it is.
      onRequest: async (req, res) => {
        res.header("allow", "GET, HEAD, POST");
        return refuse(req, res, 405, "Procedures are called by GET, HEAD and POST.");
      },
      handler: async () => {},
    });
  });
}

const tooMany = (count: number) =>
  `A request carries ${maxBatchSize} calls at most, and this one ${count}: set maxItems of the batch link to ${maxBatchSize}.`;

/** What the adapter answers, as Fastify sends it. A request that the adapter refuses as a whole it answers as text. */
async function unwrap(reply: FastifyReply, response: Response): Promise<Readable | string> {
  const { status, headers, body } = response;
  const streamed = headers.has("transfer-encoding");
  headers.delete("transfer-encoding");
  if (headers.get("content-type")?.startsWith("text/plain")) headers.set("content-type", "application/json");
  reply.code(status).headers(Object.fromEntries(headers));
  return streamed && body !== null ? Readable.fromWeb(body as ReadableStream) : response.text();
}

/** A body as text. Bytes that are no UTF-8 would be stored as U+FFFD. */
function readText(type: string | undefined, body: Buffer, done: (error: Error | null, text?: string) => void): void {
  const charset = /;\s*charset="?([^";\s]+)/i.exec(type ?? "")?.[1] ?? "utf-8";
  if (!/^(utf-?8|us-ascii)$/i.test(charset)) done(refusal(415, "The request's body must be UTF-8."));
  else if (!isUtf8(body)) done(refusal(400, "The request's body is not UTF-8."));
  else done(null, markInexactNumbers(body.toString()));
}

const refusal = (statusCode: number, message: string) => Object.assign(new Error(message), { statusCode });

/** A GET's input is in its address, which tRPC's adapter reads by itself. */
function markNumbersOfAddress(request: FastifyRequest<Route>): void {
  const { raw } = request;
  // Of an input that comes several times Fastify makes a list, and the adapter takes the first.
  const query: Record<string, string | string[] | undefined> = request.query;
  const given = [query["input"] ?? []].flat();
  const inputs = given.map(markInexactNumbers);
  if (inputs.every((input, at) => input === given[at])) return;
  const [first] = inputs;
  query["input"] = inputs.length === 1 ? first : inputs;
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) for (const one of [value ?? []].flat()) search.append(name, one);
  raw.url = `${raw.url?.split("?")[0]}?${search}`;
}
