// A back end: prints the banned players, one page at a time. It needs a service token (`aeturnis-data token`).
import { createClient, isClientError, type ListOptions, type Page, type User } from "aeturnis-data-client";

const client = createClient({
  url: process.env["AETURNIS_URL"] ?? "http://127.0.0.1:3000/trpc",
  token: process.env["AETURNIS_TOKEN"],
  // The service logs this id and stores it in the audit trail.
  headers: () => ({ "x-request-id": crypto.randomUUID() }),
});

const options: ListOptions<User> = {
  where: { status: "banned", lastLogin: { gte: new Date("2026-01-01") } },
  sort: { field: "username" },
  limit: 100,
};

try {
  let cursor: string | null = null;
  do {
    const page: Page<User> = await client.users.list.query({ ...options, cursor });
    for (const user of page.items) console.log(user.username, user.createdAt.toISOString());
    cursor = page.nextCursor;
  } while (cursor !== null);
} catch (error) {
  if (!isClientError(error)) throw error;
  console.error(`${error.message} (${error.data?.code ?? "no answer"}, request ${error.data?.requestId ?? "unknown"})`);
  process.exitCode = 1;
}
