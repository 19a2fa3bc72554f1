import {
  CancelledError,
  dehydrate,
  hydrate,
  InfiniteQueryObserver,
  MutationObserver,
  QueryClient,
} from "@tanstack/react-query";
import { createTRPCOptionsProxy } from "@trpc/tanstack-react-query";
import { afterEach, expect, it } from "vitest";
import { createClient, transformer } from "../../src/client/index.ts";
import { newUser } from "../support/factories.ts";
import { account, serviceToken, useService } from "../support/service.ts";

const service = useService();
const queryClients: QueryClient[] = [];
afterEach(() => {
  for (const queryClient of queryClients.splice(0)) queryClient.clear();
});

/** The setup of a React application: the client, TanStack Query's cache and tRPC's options for it. */
function frontend(options: { fetch?: typeof fetch; token?: string } = {}) {
  const { token = serviceToken, ...rest } = options;
  const client = createClient({ url: service.url, token, ...rest });
  const queryClient = new QueryClient({
    defaultOptions: {
      queries: { retry: false, staleTime: 60_000 },
      dehydrate: { serializeData: transformer.serialize },
      hydrate: { deserializeData: transformer.deserialize },
    },
  });
  queryClients.push(queryClient);
  return { client, queryClient, trpc: createTRPCOptionsProxy({ client, queryClient }) };
}

/** Returns the error of a promise that must reject. */
const rejectionOf = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail("The promise was fulfilled."),
    (error: unknown) => error,
  );

/** Creates `count` users with a common prefix, and returns their names in order. */
async function createUsers(count: number): Promise<{ prefix: string; usernames: string[] }> {
  const { client } = frontend();
  const prefix = newUser().username.slice(0, 16);
  const usernames = Array.from({ length: count }, (_, n) => `${prefix}_${n}`);
  await client.users.createMany.mutate({
    rows: usernames.map((username) => ({ ...newUser(), username, email: `${username}@example.com` })),
  });
  return { prefix, usernames };
}

const pagesOf = (prefix: string) => ({
  where: { username: { like: `${prefix}*` } },
  sort: { field: "username" as const },
  limit: 2,
});

it("a query runs through TanStack Query's cache", async () => {
  const { queryClient, trpc } = frontend();
  const { usernames } = await createUsers(1);
  const options = trpc.users.byUsername.queryOptions({ username: usernames[0] ?? "" });
  const user = await queryClient.fetchQuery(options);
  expect(user.createdAt).toBeInstanceOf(Date);
  expect(queryClient.getQueryData(options.queryKey)).toBe(user);
});

it("a mutation runs through TanStack Query, and reports the field of a conflict", async () => {
  const { queryClient, trpc } = frontend();
  const create = new MutationObserver(queryClient, trpc.users.create.mutationOptions());
  const input = newUser();
  expect(await create.mutate(input)).toMatchObject({ username: input.username });
  expect(await rejectionOf(create.mutate(input))).toMatchObject({ data: { code: "CONFLICT", field: "email" } });
});

it("an infinite query reads every page forward, and from the middle backward", async () => {
  const { queryClient, trpc } = frontend();
  const { prefix, usernames } = await createUsers(7);
  const options = (initialCursor: string | null) =>
    trpc.users.list.infiniteQueryOptions(pagesOf(prefix), {
      initialCursor,
      getNextPageParam: (page) => page.nextCursor,
      getPreviousPageParam: (page) => page.previousCursor,
    });

  const forward = new InfiniteQueryObserver(queryClient, options(null));
  await forward.refetch();
  while (forward.getCurrentResult().hasNextPage) await forward.fetchNextPage();
  let result = forward.getCurrentResult();
  expect(result.error).toBeNull();
  const pages = result.data?.pages ?? [];
  expect(pages).toHaveLength(4);
  expect(pages.flatMap(({ items }) => items.map(({ username }) => username))).toEqual(usernames);

  queryClient.clear();
  const backward = new InfiniteQueryObserver(queryClient, options(pages[1]?.nextCursor ?? null));
  await backward.refetch();
  while (backward.getCurrentResult().hasPreviousPage) await backward.fetchPreviousPage();
  result = backward.getCurrentResult();
  expect(result.error).toBeNull();
  expect(result.data?.pages.flatMap(({ items }) => items.map(({ username }) => username))).toEqual(
    usernames.slice(0, 6),
  );
});

it("every listing can be read as an infinite query", async () => {
  const admin = await account(service.database.sql, "admin");
  const { queryClient, trpc } = frontend({ token: admin.token });
  const services = frontend();
  const page = { getNextPageParam: () => null };
  await queryClient.fetchInfiniteQuery(trpc.users.list.infiniteQueryOptions({}, page));
  await queryClient.fetchInfiniteQuery(trpc.audit.list.infiniteQueryOptions({}, page));
  await queryClient.fetchInfiniteQuery(trpc.sessions.list.infiniteQueryOptions({ userId: admin.id }, page));
  await services.queryClient.fetchInfiniteQuery(services.trpc.security.failures.infiniteQueryOptions({}, page));
});

it("a listing refuses a direction that is neither forward nor backward", async () => {
  const { client } = frontend();
  expect(await rejectionOf(client.users.list.query({ direction: "desc" } as never))).toMatchObject({
    message: "direction: must be forward or backward",
    data: { code: "BAD_REQUEST", field: "direction" },
  });
});

it("dehydrated queries are hydrated in another cache with dates that are Dates", async () => {
  const { queryClient, trpc } = frontend();
  const { prefix, usernames } = await createUsers(3);
  const user = trpc.users.byUsername.queryOptions({ username: usernames[0] ?? "" });
  const list = trpc.users.list.infiniteQueryOptions(pagesOf(prefix), { getNextPageParam: (page) => page.nextCursor });
  await Promise.all([queryClient.prefetchQuery(user), queryClient.prefetchInfiniteQuery(list)]);
  const html = JSON.stringify(dehydrate(queryClient));

  const browser = frontend({ fetch: () => Promise.reject(new Error("The cache must answer.")) });
  hydrate(browser.queryClient, JSON.parse(html));
  const hydrated = await browser.queryClient.fetchQuery(
    browser.trpc.users.byUsername.queryOptions({ username: usernames[0] ?? "" }),
  );
  expect(hydrated.createdAt).toBeInstanceOf(Date);
  expect(hydrated).toEqual(queryClient.getQueryData(user.queryKey));
  const pages = browser.queryClient.getQueryData(list.queryKey)?.pages;
  expect(pages?.[0]?.items[0]?.updatedAt).toBeInstanceOf(Date);
});

it("a cancelled query aborts its request", async () => {
  const signals: AbortSignal[] = [];
  const { queryClient, trpc } = frontend({
    fetch: (input, init) => {
      if (init?.signal) signals.push(init.signal);
      return fetch(input, init);
    },
  });
  const options = trpc.users.list.queryOptions({ limit: 1 }, { trpc: { abortOnUnmount: true } });
  const query = rejectionOf(queryClient.fetchQuery(options));
  while (signals.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await queryClient.cancelQueries({ queryKey: options.queryKey });
  expect(await query).toBeInstanceOf(CancelledError);
  expect(signals[0]?.aborted).toBe(true);
});
