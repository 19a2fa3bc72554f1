import { createTRPCClient, httpBatchLink, httpLink, type Operation, splitLink } from "@trpc/client";
import type { TRPCDataTransformer } from "@trpc/server";
import superjson from "superjson";
import type { AppRouter } from "../routers/index.ts";

export type { AppRouter, Inputs, Outputs } from "../routers/index.ts";

/** What the service speaks on the wire, for those who set up `@trpc/client` themselves. */
export const transformer: TRPCDataTransformer = superjson;

export interface ClientOptions {
  /** Where the service answers, such as `http://127.0.0.1:3000/trpc`. */
  readonly url: string | URL;
  /** The access token, or what gives the one that is good now; called for every request. */
  readonly token?: string | (() => string | undefined | Promise<string | undefined>);
}

/**
 * A client of the service, typed by its router: calls of one turn of the event loop travel together, but for those
 * that bring many rows, of which several would be more than one request may hold.
 *
 * @example
 * const client = createClient({ url: "http://127.0.0.1:3000/trpc", token });
 * const user = await client.users.byUsername.query({ username: "Mira" });
 * user.createdAt.getFullYear(); // dates arrive as Date
 */
export function createClient({ url, token }: ClientOptions) {
  const options = {
    url,
    transformer,
    headers: async () => {
      const current = typeof token === "function" ? await token() : token;
      return current === undefined ? {} : { authorization: `Bearer ${current}` };
    },
  };
  return createTRPCClient<AppRouter>({
    links: [
      splitLink({
        condition: isLarge,
        true: httpLink({ ...options, methodOverride: "POST" }),
        // What the service takes in one request, and a server in one line; a longer list goes in several.
        false: httpBatchLink({ ...options, maxItems: 100, maxURLLength: longestURL }),
      }),
    ],
  });
}

/** Characters of an address that every server takes (RFC 9110, 4.1). */
const longestURL = 8_000;

/** Whether a call goes by itself: many rows, or a question that no address holds. */
function isLarge({ type, path, input }: Pick<Operation, "type" | "path" | "input">): boolean {
  if (type !== "query") return path.endsWith("Many");
  return encodeURIComponent(JSON.stringify(transformer.serialize(input))).length > longestURL / 2;
}

/** What `createClient` returns. */
export type Client = ReturnType<typeof createClient>;
