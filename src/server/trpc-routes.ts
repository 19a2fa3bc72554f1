import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { procedures } from "../routers/index.ts";
import { sendError } from "./error-responses.ts";
import { answerSubscription } from "./event-stream.ts";
import { unreadablePath } from "./fallback-handlers.ts";
import { maxBatchSize } from "./limits.ts";
import { addBodyParser, markNumbersOfURL } from "./request-body.ts";
import { answerByAdapter, type TRPCOptions, type TRPCRoute, unwrapResponse } from "./trpc-adapter.ts";

/** Serves the router at `/trpc` by tRPC's Fastify adapter: every request that the fast path leaves to Fastify. */
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
      const count = req.query.batch === "1" ? req.params.path.split(",").length : 1;
      if (count > maxBatchSize) return sendError(req, res, { status: 400, message: tooManyCalls(count) });
      markNumbersOfURL(req);
      const procedure = procedures.get(req.params.path);
      if (procedure?.type === "subscription") {
        if (req.method === "GET" && req.query.batch !== "1")
          return answerSubscription(req, res, { ...options, procedure });
        res.header("allow", "GET");
        return sendError(req, res, { status: 405, message: subscriptionByGet });
      }
      return answerByAdapter(req, res, options);
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

const subscriptionByGet = "A subscription is followed by GET, alone (httpSubscriptionLink of tRPC's client).";

/** A batch would try many passwords in one request, and an attempt waits for a whole second. */
const severalCredentials =
  "Calls that check a password or a code travel alone: send each in a request of its own (splitLink of tRPC's client).";

/** The number of calls in the path of a batch that check a password or a code. */
const credentialCalls = (path: string): number =>
  path.split(",").filter((name) => procedures.get(name)?.access.isCredential).length;

const tooManyCalls = (count: number) =>
  `A request carries ${maxBatchSize} calls at most, and this one ${count}: set maxItems of the batch link to ${maxBatchSize}.`;
