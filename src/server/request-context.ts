import type { IncomingMessage, ServerResponse } from "node:http";
import type { Config } from "../config/index.ts";
import type { Context, Services } from "../routers/index.ts";
import { clientAddressBy } from "./client-address.ts";
import { disconnectionOf } from "./disconnection.ts";
import { identify } from "./identify.ts";
import { sessionCookiesOf } from "./session-cookies.ts";

/** Characters of a user agent that are stored. */
const maxUserAgentLength = 400;

/** A request to `/trpc`, and what its procedures can set in the answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly setCookie: (cookie: string) => void;
  /** Whether the answer is written by the fast path, which accepts rows that PostgreSQL has written. */
  readonly acceptsWrittenRows: boolean;
  /** Of a subscription: takes the id of the event after which it goes on. */
  readonly advance?: (eventId: string) => void;
}

/** Returns a function that returns the context of a request's procedures, at once if the caller is known at once. */
export function createContexts(
  services: Services,
  { trustedProxies, corsOrigins: origins }: Config["http"],
): (exchange: Exchange) => Context | Promise<Context> {
  const clientAddress = clientAddressBy(trustedProxies);
  return ({ request, response, requestId, setCookie, acceptsWrittenRows, advance = () => {} }) => {
    const { headers } = request;
    // Read before a token is verified: a closed connection has no address.
    const ipAddress = clientAddress(request);
    const contextOf = (caller: Context["caller"]): Context => ({
      services,
      requestId,
      caller,
      ipAddress,
      userAgent: headers["user-agent"]?.slice(0, maxUserAgentLength),
      disconnection: disconnectionOf(request, response),
      // Not of the answer, which has no connection yet while it waits for an earlier one of the same connection.
      disconnect: () => void request.socket.destroy(),
      advance,
      identify: async () => identify(headers, services.identity.accessTokens),
      cookies: sessionCookiesOf(headers, { setCookie, origins }),
      acceptsWrittenRows,
    });
    const caller = identify(headers, services.identity.accessTokens);
    return caller instanceof Promise ? caller.then(contextOf) : contextOf(caller);
  };
}
