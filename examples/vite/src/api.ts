import { QueryClient } from "@tanstack/react-query";
import { createTRPCOptionsProxy } from "@trpc/tanstack-react-query";
import { type AppRouter, createSession } from "aeturnis-data-client";

/** The player who is signed in, in all tabs. */
export const session = createSession({ url: new URL("/trpc", location.href), cookies: true });

// The client repeats queries itself, after the time that the service names.
export const queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } });

/** Options for TanStack Query's hooks: `useQuery(api.users.me.queryOptions())`. */
export const api = createTRPCOptionsProxy<AppRouter>({ client: session.client, queryClient });
