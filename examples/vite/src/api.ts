import { QueryClient } from "@tanstack/react-query";
import { createTRPCOptionsProxy } from "@trpc/tanstack-react-query";
import type { AppRouter } from "aeturnis-data-client";
import { session } from "./session.ts";

// The client repeats queries itself, after the time that the service names. A device without a network is told so at once.
export const queryClient = new QueryClient({
  defaultOptions: { queries: { retry: false, networkMode: "always" }, mutations: { networkMode: "always" } },
});

/** Options for TanStack Query's hooks: `useQuery(api.users.me.queryOptions())`. */
export const api = createTRPCOptionsProxy<AppRouter>({ client: session.client, queryClient });

// The next player must not see what the former one loaded.
session.subscribe(({ status }) => {
  if (status === "signedOut") queryClient.clear();
});
