import { createTRPCClient, type TRPCClient, type TRPCLink } from "@trpc/client";
import type { AppRouter } from "../routers/index.ts";
import { type ClientFetch, httpLinks } from "./batching.ts";
import type { ClientError } from "./client-error.ts";
import { reauthenticate } from "./reauthentication.ts";
import { retryUnavailable } from "./retry.ts";
import { keepPlace } from "./subscription-place.ts";

export interface ClientOptions {
  /** Where the service answers, such as `http://127.0.0.1:3000/trpc`. */
  readonly url: string | URL;
  /** The access token, or a function that returns the current one; it is called for every request. */
  readonly token?: string | undefined | (() => string | undefined | Promise<string | undefined>);
  /** Further headers of every request, such as `x-request-id`. */
  readonly headers?: RequestHeaders | (() => RequestHeaders | Promise<RequestHeaders>);
  /** Replaces the global `fetch`, for example to set `cache` or `credentials`. */
  readonly fetch?: ClientFetch;
  /** Links that each call passes first, such as `loggerLink()`. */
  readonly links?: readonly TRPCLink<AppRouter>[];
  /**
   * Called when the service refuses the token (`UNAUTHORIZED`), once for calls that are refused together. Return true
   * after renewing the token: the calls are repeated once. Return false, or throw, to let the calls fail.
   */
  readonly onUnauthorized?: (error: ClientError) => boolean | Promise<boolean>;
  /**
   * How often a query is repeated that the service refuses as unavailable, each time after the `retryAfter` of the
   * refusal; 2 unless given. Mutations are never repeated.
   */
  readonly maxRetries?: number;
}

type RequestHeaders = Readonly<Record<string, string>>;

/** The service's procedures: `client.users.byId.query(…)`. */
export type Client = TRPCClient<AppRouter>;

/**
 * Returns a client of the service, typed by its router. Calls of one tick share a request, at most `maxItems` calls
 * and `maxURLLength` characters; calls with many rows go alone.
 *
 * @example
 * const client = createClient({ url: "http://127.0.0.1:3000/trpc", token });
 * const user = await client.users.byUsername.query({ username: "Mira" });
 * user.createdAt.getFullYear(); // dates arrive as Date
 */
export function createClient(options: ClientOptions): Client {
  const { url, token, headers, fetch, links = [], onUnauthorized, maxRetries = 2 } = options;
  const requestHeaders = async () => {
    const [current, others] = await Promise.all([currentValue(token), currentValue(headers)]);
    return { ...others, ...(current !== undefined && { authorization: `Bearer ${current}` }) };
  };
  return createTRPCClient<AppRouter>({
    links: [
      ...links,
      keepPlace,
      ...(onUnauthorized ? [reauthenticate(onUnauthorized)] : []),
      retryUnavailable(maxRetries),
      httpLinks({ url, headers: requestHeaders, fetch }),
    ],
  });
}

function currentValue<Value>(given: Value | (() => Value | Promise<Value>)): Value | Promise<Value> {
  return given instanceof Function ? given() : given;
}
