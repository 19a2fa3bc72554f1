import { createClient } from "aeturnis-data-client";
import { cookies } from "next/headers";
import { cache } from "react";

/** Returns the client of the current request, which calls the service with the visitor's own token. */
export const api = cache(() =>
  createClient({
    url: process.env["AETURNIS_URL"] ?? "http://127.0.0.1:3000/trpc",
    token: async () => (await cookies()).get("access-token")?.value,
    // The answers depend on the visitor, so Next must not cache them.
    fetch: (url, init) => fetch(url, { ...init, cache: "no-store" }),
  }),
);
