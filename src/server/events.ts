import { setTimeout as pause } from "node:timers/promises";
import { isTrackedEnvelope } from "@trpc/server";
import { eventData, reconnection } from "../routers/index.ts";

/** Characters that are sent together at most. */
const maxChunk = 64 * 1024;

/** Time from one ping to the next (ms): proxies close connections that are silent for a minute. */
const pingInterval = 15_000;

/** After which event a subscription goes on. */
export class EventPlace {
  #resolve = (_: undefined) => {};
  eventId: string | undefined;
  /** Resolves when it is known. */
  readonly known = new Promise<undefined>((resolve) => {
    this.#resolve = resolve;
  });

  advance(eventId: string): void {
    this.eventId = eventId;
    this.#resolve(undefined);
  }
}

/**
 * The text of all events: of each turn of the event loop together. Pings have the id of the place, so that a client that
 * connects again goes on there, although it has had no event since. The first one comes as soon as the place is known.
 */
export async function* eventsOf(
  call: () => Promise<unknown>,
  place: EventPlace,
  textOfError: (cause: unknown) => string,
): AsyncGenerator<string> {
  yield eventText({ event: "connected", data: reconnection });
  const ended = new AbortController();
  const interval = () => pause(pingInterval, undefined, { ref: false, signal: ended.signal }).catch(() => undefined);
  let pingTime = Promise.race([place.known, interval()]);
  let values: AsyncIterator<unknown> | undefined;
  try {
    values = ((await call()) as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    for (let next = requestNext(values); ; ) {
      let result: IteratorResult<unknown> | undefined = await Promise.race([next, pingTime]);
      if (result === undefined) {
        pingTime = interval();
        yield eventText({ event: "ping", data: "", id: place.eventId });
        continue;
      }
      const endOfTurn = new Promise<undefined>((resolve) => {
        setImmediate(resolve, undefined);
      });
      let text = "";
      while (result !== undefined && !result.done) {
        const [id, data] = isTrackedEnvelope(result.value) ? result.value : [undefined, result.value];
        text += eventText({ id, data: eventData(data) });
        next = requestNext(values);
        result = text.length < maxChunk ? await Promise.race([next, endOfTurn]) : undefined;
      }
      if (text !== "") yield text;
      if (result?.done) break;
    }
    yield eventText({ event: "return", data: "" });
  } catch (cause) {
    yield textOfError(cause);
  } finally {
    ended.abort();
    // Not awaited: one that waits for its next value ends with its connection.
    values?.return?.().catch(() => {});
  }
}

/** A rejection is thrown where the value is awaited. Until then, and if its reader leaves, it does not count as unhandled. */
function requestNext(values: AsyncIterator<unknown>): Promise<IteratorResult<unknown>> {
  const next = values.next();
  next.catch(() => {});
  return next;
}

/** An event (HTML, 9.2.5). `data` has no line breaks. */
export const eventText = ({ event, data, id }: { event?: string; data: string; id?: string | undefined }): string =>
  `${event === undefined ? "" : `event: ${event}\n`}data: ${data}\n${id === undefined ? "" : `id: ${id}\n`}\n`;
