import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { procedures } from "../routers/index.ts";
import { sendError } from "./error-responses.ts";
import { unreadablePath } from "./fallback-handlers.ts";
import { answerCall, plainCalls, type TRPCRoute } from "./fast-path.ts";
import { maxBatchSize } from "./limits.ts";
import { addBodyParser, markNumbersOfURL } from "./request-body.ts";
import { answerByAdapter, type TRPCOptions, unwrapResponse } from "./trpc-adapter.ts";

/**
 * Serves the router at `/trpc`.
 *
 * tRPC's Fastify adapter creates a web Request, Response and stream for each request, which takes two thirds of the
 * time of a look-up (`npm run bench`). Plain JSON queries and mutations, batched or not, are therefore answered
 * directly; the adapter answers all others: streamed answers and invalid requests.
 */
export function addTRPC(server: FastifyInstance, options: TRPCOptions): void {
  server.register(async (scope) => {
    addBodyParser(scope);
    scope.addHook("onSend", (_, reply, payload, done) => {
      if (payload instanceof Response) unwrapResponse(reply, payload).then((body) => done(null, body), done);
      else done(null, payload);
    });

    const handle = async (req: FastifyRequest<TRPCRoute>, res: FastifyReply) => {
      // tRPC's adapter decodes the path once more, to one that was not checked here.
      if (req.params.path.includes("%")) return sendError(req, res, { status: 400, message: unreadablePath });
      if (credentialCalls(req.params.path) > 1)
        return sendError(req, res, { status: 400, message: severalCredentials });
      markNumbersOfURL(req);
      const calls = plainCalls(req);
      if (calls === undefined) {
        const count = req.query.batch === "1" ? req.params.path.split(",").length : 1;
        if (count > maxBatchSize) return sendError(req, res, { status: 400, message: tooManyCalls(count) });
        return answerByAdapter(req, res, options);
      }
      const ctx = await options.createContext(req, res);
      const answers = await Promise.all(calls.map((call) => answerCall(call, ctx)));
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
    scope.get<TRPCRoute>("/trpc/:path", handle);
    scope.post<TRPCRoute>("/trpc/:path", handle);
    scope.route({
      method: ["PUT", "PATCH", "DELETE", "OPTIONS"],
      url: "/trpc/:path",
      // Answered before the body is read, so that its type does not matter.
      onRequest: async (req, res) => {
        res.header("allow", "GET, HEAD, POST");
        return sendError(req, res, { status: 405, message: "Procedures are called by GET, HEAD and POST." });
      },
      handler: async () => {},
    });
  });
}

/** A batch would try many passwords in one request, and an attempt waits for a whole second. */
const severalCredentials =
  "Calls that check a password or a code travel alone: send each in a request of its own (splitLink of tRPC's client).";

/** The number of calls in the path of a batch that check a password or a code. */
const credentialCalls = (path: string): number =>
  path.split(",").filter((name) => procedures.get(name)?.access.isCredential).length;

const tooManyCalls = (count: number) =>
  `A request carries ${maxBatchSize} calls at most, and this one ${count}: set maxItems of the batch link to ${maxBatchSize}.`;
