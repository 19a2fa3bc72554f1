import type { TRPCError } from "@trpc/server";
import { type FastifyHandlerOptions, fastifyRequestHandler } from "@trpc/server/adapters/fastify";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { markInexactNumbers } from "../json-numbers.ts";
import type { Context } from "../routers/context.ts";
import { appRouter } from "../routers/index.ts";
import { answer, maxBatchSize, plainCalls, type Route } from "./plain-calls.ts";

export interface TRPCOptions {
  createContext: (request: FastifyRequest) => Promise<Context>;
  /** Headers of an answer that holds these errors. */
  headers: (errors: readonly TRPCError[]) => Record<string, string>;
  onError: (failure: { error: TRPCError; path: string | undefined; ctx: Context | undefined }) => void;
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
    scope.addContentTypeParser("application/json", { parseAs: "string" }, (_, body, done) =>
      done(null, markInexactNumbers(String(body))),
    );

    const adapter: Omit<
      FastifyHandlerOptions<typeof appRouter, FastifyRequest, FastifyReply>,
      "req" | "res" | "path"
    > = {
      router: appRouter,
      maxBatchSize,
      allowMethodOverride: true,
      createContext: ({ req }) => options.createContext(req),
      responseMeta: ({ errors }) => ({ headers: options.headers(errors) }),
      onError: options.onError,
    };
    const handle = async (req: FastifyRequest<Route>, res: FastifyReply) => {
      markNumbersOfAddress(req);
      const calls = plainCalls(req);
      if (calls === undefined) return fastifyRequestHandler({ ...adapter, req, res, path: req.params.path });

      const ctx = await options.createContext(req);
      const answers = await Promise.all(calls.map((call) => answer(call, ctx)));
      for (const { error, path } of answers) if (error !== undefined) options.onError({ error, path, ctx });
      const bodies = answers.map(({ body }) => body);
      const [first, ...others] = answers.map(({ status }) => status);
      return res
        .code(others.every((status) => status === first) ? (first ?? 200) : 207)
        .headers(options.headers(answers.flatMap(({ error }) => error ?? [])))
        .type("application/json")
        .send(req.query.batch === "1" ? `[${bodies.join(",")}]` : bodies[0]);
    };
    scope.get<Route>("/trpc/:path", { exposeHeadRoute: false }, handle);
    scope.post<Route>("/trpc/:path", handle);
  });
}

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
