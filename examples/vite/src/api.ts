import { QueryClient } from "@tanstack/react-query";
import { createTRPCOptionsProxy } from "@trpc/tanstack-react-query";
import { type AppRouter, createClient } from "aeturnis-data-client";

const client = createClient({
  url: new URL("/trpc", location.href),
  token: () => sessionStorage.getItem("access-token") ?? undefined,
  onUnauthorized: () => {
    location.assign("/sign-in");
    return false;
  },
});

// The client repeats queries itself, after the time that the service names.
export const queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } });

/** Options for TanStack Query's hooks: `useQuery(api.users.me.queryOptions())`. */
export const api = createTRPCOptionsProxy<AppRouter>({ client, queryClient });
