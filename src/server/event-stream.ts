import { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { getTRPCErrorFromUnknown, isTrackedEnvelope } from "@trpc/server";
import type { FastifyReply, FastifyRequest } from "fastify";
import { InvalidInputError } from "../errors.ts";
import { deserializeInput, errorBody, eventData, type ProcedureEntry, reconnection } from "../routers/index.ts";
import type { TRPCOptions, TRPCRoute } from "./trpc-adapter.ts";

/** Characters that are sent together at most. */
const maxChunk = 64 * 1024;

/** Time from one ping to the next (ms): proxies close connections that are silent for a minute. */
const pingInterval = 15_000;

/**
 * Answers a subscription by server-sent events, as tRPC's adapter does, with the events of one turn of the event loop as one
 * chunk. The adapter passes each through five streams of its own, and takes four times as long.
 */
export async function answerSubscription(
  req: FastifyRequest<TRPCRoute>,
  res: FastifyReply,
  { procedure, createContext, onError }: { procedure: ProcedureEntry } & Omit<TRPCOptions, "headers">,
) {
  const ctx = await createContext({
    request: req.raw,
    response: res.raw,
    requestId: req.id,
    setCookie: () => {},
    acceptsWrittenRows: false,
  });
  const call = () =>
    procedure.call({ ctx, getRawInput: async () => inputOf(req), batchIndex: 0, signal: ctx.disconnection() });
  const events = eventsOf(call, (cause) => {
    if (ctx.disconnection().aborted) return "";
    const error = getTRPCErrorFromUnknown(cause);
    const { path } = procedure;
    onError({ error, path, requestId: req.id });
    const body = errorBody(error, { requestId: req.id, path, type: "subscription" }) as { error: unknown };
    return eventText({ event: "serialized-error", data: JSON.stringify(body.error) });
  });
  res.headers({
    "content-type": "text/event-stream",
    "cache-control": "no-store, no-transform",
    // Of nginx: no buffer between the service and the reader.
    "x-accel-buffering": "no",
  });
  return res.send(Readable.from(events, { objectMode: false }));
}

/** The input of a GET, with the id of the last event that a client has received before it connected again. */
function inputOf({ query, headers }: FastifyRequest<TRPCRoute>): unknown {
  const input = query.input === undefined ? undefined : deserializeInput(parseInput(query.input));
  const lastEventId = headers["last-event-id"] ?? query.lastEventId;
  if (lastEventId === undefined || (input !== undefined && typeof input !== "object")) return input;
  return { ...(input as object | undefined), lastEventId };
}

function parseInput(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidInputError("The input is not JSON.", { field: "input" });
  }
}

/** The text of all events: of each turn of the event loop together. */
async function* eventsOf(
  call: () => Promise<unknown>,
  textOfError: (cause: unknown) => string,
): AsyncGenerator<string> {
  yield eventText({ event: "connected", data: reconnection });
  let pingTime = pause(pingInterval, undefined, { ref: false });
  let values: AsyncIterator<unknown> | undefined;
  try {
    values = ((await call()) as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    for (let next = values.next(); ; ) {
      let result: IteratorResult<unknown> | undefined = await Promise.race([next, pingTime]);
      if (result === undefined) {
        pingTime = pause(pingInterval, undefined, { ref: false });
        yield eventText({ event: "ping", data: "" });
        continue;
      }
      const endOfTurn = new Promise<undefined>((resolve) => {
        setImmediate(resolve, undefined);
      });
      let text = "";
      while (result !== undefined && !result.done) {
        const [id, data] = isTrackedEnvelope(result.value) ? result.value : [undefined, result.value];
        text += eventText({ id, data: eventData(data) });
        next = values.next();
        result = text.length < maxChunk ? await Promise.race([next, endOfTurn]) : undefined;
      }
      if (text !== "") yield text;
      if (result?.done) break;
    }
    yield eventText({ event: "return", data: "" });
  } catch (cause) {
    yield textOfError(cause);
  } finally {
    // Not awaited: one that waits for its next value ends with its connection.
    values?.return?.().catch(() => {});
  }
}

/** An event (HTML, 9.2.5). `data` has no line breaks. */
const eventText = ({ event, data, id }: { event?: string; data: string; id?: string | undefined }): string =>
  `${event === undefined ? "" : `event: ${event}\n`}data: ${data}\n${id === undefined ? "" : `id: ${id}\n`}\n`;
