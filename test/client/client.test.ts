import { expect, it } from "vitest";
import { type ClientOptions, createClient, isClientError } from "../../src/client/index.ts";
import { newUser } from "../support/factories.ts";
import { serviceToken, tokens, useService } from "../support/service.ts";

const service = useService();

const clientWith = (options: Partial<ClientOptions>) =>
  createClient({ url: service.url, token: serviceToken, ...options });

const unavailable = { code: "SERVICE_UNAVAILABLE", httpStatus: 503 };
const overLimit = { code: "TOO_MANY_REQUESTS", httpStatus: 429 };

/** A `fetch` that answers the first `failures` requests with an error that may be retried, and counts all requests. */
function failingAtFirst(failures: number, kind = unavailable) {
  const counted = { requests: 0 };
  const data = { ...kind, path: null, field: null, requestId: "x", retryAfter: 0.01 };
  const body = JSON.stringify({ error: { json: { code: -32603, message: "Try again later.", data } } });
  const answer: NonNullable<ClientOptions["fetch"]> = (url, init) =>
    ++counted.requests <= failures
      ? Promise.resolve(new Response(body, { status: kind.httpStatus }))
      : fetch(url, init);
  return { counted, fetch: answer };
}

it.each([unavailable, overLimit])(
  "the client repeats a query that was refused by $code after retryAfter",
  async (kind) => {
    const { counted, fetch } = failingAtFirst(2, kind);
    expect(await clientWith({ fetch }).health.status.query()).toMatchObject({ ready: true });
    expect(counted.requests).toBe(3);
  },
);

it("the client gives up a query after maxRetries, with the error of the last attempt", async () => {
  const { counted, fetch } = failingAtFirst(10);
  const error = await clientWith({ fetch, maxRetries: 1 })
    .health.status.query()
    .catch((reason: unknown) => reason);
  expect(isClientError(error) && error.data).toMatchObject({ code: "SERVICE_UNAVAILABLE", retryAfter: 0.01 });
  expect(counted.requests).toBe(2);
});

it.each([unavailable, overLimit])("the client never repeats a mutation that was refused by $code", async (kind) => {
  const { counted, fetch } = failingAtFirst(1, kind);
  await expect(clientWith({ fetch }).users.create.mutate(newUser())).rejects.toMatchObject({
    data: { code: kind.code },
  });
  expect(counted.requests).toBe(1);
});

it("the client renews a refused token once for calls that are refused together, and repeats the calls", async () => {
  let token = await tokens.signService("test", -1);
  let renewals = 0;
  const client = clientWith({
    token: () => token,
    onUnauthorized: async (error) => {
      expect(error.message).toBe("The access token has expired.");
      renewals++;
      await new Promise((resolve) => setTimeout(resolve, 20));
      token = serviceToken;
      return true;
    },
  });
  const user = newUser();
  const [created] = await Promise.all([
    client.users.create.mutate(user),
    client.users.list.query(),
    client.health.status.query(),
  ]);
  expect(created.username).toBe(user.username);
  expect(renewals).toBe(1);
});

it.each([
  ["is not renewed", () => false],
  ["cannot be renewed", () => Promise.reject(new Error("The sign-in page is unreachable."))],
  ["is still refused after a renewal", () => true],
])(
  "the client rejects calls with UNAUTHORIZED, and asks once for a new token, if the token %s",
  async (_, onUnauthorized) => {
    let calls = 0;
    const client = clientWith({
      token: "not a token",
      onUnauthorized: () => {
        calls++;
        return onUnauthorized();
      },
    });
    const refused = [client.sessions.list.query(), client.users.list.query(), client.users.me.query()];
    for (const result of await Promise.allSettled(refused))
      expect(result).toMatchObject({ status: "rejected", reason: { data: { code: "UNAUTHORIZED" } } });
    expect(calls).toBe(1);
  },
);

it("the client sends its headers with every request, and passes calls through the given links first", async () => {
  const paths: string[] = [];
  const ids: (string | null)[] = [];
  const client = clientWith({
    headers: () => ({ "x-request-id": "request-4711" }),
    fetch: async (url, init) => {
      const response = await fetch(url, init);
      ids.push(response.headers.get("x-request-id"));
      return response;
    },
    links: [
      () =>
        ({ op, next }) => {
          paths.push(op.path);
          return next(op);
        },
    ],
  });
  await client.users.list.query({ limit: 1 });
  expect(paths).toEqual(["users.list"]);
  expect(ids).toEqual(["request-4711"]);
});

it("the client recognises errors of the client only", async () => {
  const error = await clientWith({})
    .users.byId.query({ id: "42" })
    .catch((reason: unknown) => reason);
  expect(isClientError(error) && error.data?.field).toBe("id");
  expect(isClientError(new Error("42"))).toBe(false);
});
