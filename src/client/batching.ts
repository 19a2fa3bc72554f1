import {
  type HTTPHeaders,
  httpBatchLink,
  httpLink,
  httpSubscriptionLink,
  type Operation,
  splitLink,
  type TRPCLink,
} from "@trpc/client";
import type { TRPCDataTransformer } from "@trpc/server";
import { EventSource } from "eventsource";
import superjson from "superjson";
import type { AppRouter } from "../routers/index.ts";
import { isCredentialCall } from "./credential-calls.ts";
import { type SubscriptionPlace, subscriptionPlaceOf } from "./subscription-place.ts";

/** Serializes inputs and answers as the service does. A link that is set up by hand needs it as its `transformer`. */
export const transformer: TRPCDataTransformer = superjson;

/** The largest number of calls that the service accepts in one request: `maxItems` of a batch link. */
export const maxItems = 100;

/**
 * The longest URL of a request, in characters: `maxURLLength` of a batch link. Every server and proxy should accept
 * 8,000 (RFC 9110, section 4.1); the service accepts 16 KiB of URL and headers together.
 */
export const maxURLLength = 8_000;

/** The part of `fetch` that the client uses; the global `fetch` has this type. */
export type ClientFetch = (url: string, init?: RequestInit) => Promise<Response>;

/**
 * Sends the calls of one tick in one request. Large calls go alone, because a few of them would exceed the limits, and so
 * do calls that check a password, because the service requires it. A subscription has a connection of its own, and asks for
 * the headers each time it connects.
 */
export function httpLinks({
  fetch,
  ...others
}: {
  url: string | URL;
  headers: () => HTTPHeaders | Promise<HTTPHeaders>;
  fetch: ClientFetch | undefined;
}): TRPCLink<AppRouter> {
  const options = {
    ...others,
    ...(fetch && { fetch: (url: unknown, init: unknown) => fetch(String(url), init as RequestInit) }),
  };
  return splitLink({
    condition: (op) => op.type === "subscription",
    true: subscriptionLink({
      url: String(others.url),
      headers: others.headers,
      send: fetch ?? ((url, init) => globalThis.fetch(url, init)),
    }),
    false: splitLink({
      condition: (op) => isCredentialCall(op.path) || isLarge(op),
      true: httpLink({ ...options, transformer, methodOverride: "POST" }),
      false: httpBatchLink({ ...options, transformer, maxItems, maxURLLength }),
    }),
  });
}

/** The EventSource of browsers sends no headers, and Node 20 has none. */
function subscriptionLink(options: {
  url: string;
  headers: () => HTTPHeaders | Promise<HTTPHeaders>;
  send: ClientFetch;
}): TRPCLink<AppRouter> {
  const { url, headers, send } = options;
  return (runtime) => (given) => {
    const place = subscriptionPlaceOf(given.op);
    const connect = async (address: string | URL, init: { headers: Record<string, string> }) => {
      const lastEventId = place?.eventId === undefined ? {} : { "Last-Event-ID": place.eventId };
      const all = { ...init.headers, ...lastEventId, ...toRecord(await headers()) };
      return send(String(address), { ...init, headers: all } as RequestInit);
    };
    const link = httpSubscriptionLink({
      url,
      transformer,
      EventSource: eventSourceFor(place),
      eventSourceOptions: { fetch: connect },
    });
    return link(runtime)(given);
  };
}

/** Pings have the id of an event, after which the service has found none so far. */
function eventSourceFor(place: SubscriptionPlace | undefined): typeof EventSource {
  return class extends EventSource {
    constructor(...args: ConstructorParameters<typeof EventSource>) {
      super(...args);
      this.addEventListener("ping", ({ lastEventId }) => {
        if (lastEventId !== "") place?.reach(lastEventId);
      });
    }
  };
}

const toRecord = (headers: HTTPHeaders): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));

/** Whether a call carries many rows, or a query's input is too long for a URL. */
function isLarge({ type, path, input }: Pick<Operation, "type" | "path" | "input">): boolean {
  if (type !== "query") return path.endsWith("Many");
  return encodeURIComponent(JSON.stringify(transformer.serialize(input))).length > maxURLLength / 2;
}
