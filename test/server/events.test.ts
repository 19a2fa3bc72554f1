import { tracked } from "@trpc/server";
import { expect, it } from "vitest";
import { EventPlace, eventsOf } from "../../src/server/events.ts";

it("a value that fails while its reader reads nothing fails where it is read", async () => {
  let fail = (_: Error) => {};
  async function* values() {
    yield tracked("7", { text: "x".repeat(100_000) });
    await new Promise((_, reject) => {
      fail = reject;
    });
  }
  const events = eventsOf(
    async () => values(),
    new EventPlace(),
    (cause) => `error: ${(cause as Error).message}`,
  );
  expect((await events.next()).value).toContain("event: connected");
  expect((await events.next()).value).toContain("id: 7");
  // The value after it has been requested. An unhandled rejection would end a service, and fails the run.
  fail(new Error("The client has disconnected."));
  await new Promise(setImmediate);
  expect((await events.next()).value).toBe("error: The client has disconnected.");
  expect((await events.next()).done).toBe(true);
});

it("a subscription says where it is as soon as it knows", async () => {
  const place = new EventPlace();
  const events = eventsOf(
    async () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }),
    place,
    String,
  );
  await events.next();
  const ping = events.next();
  place.advance("41");
  expect((await ping).value).toBe("event: ping\ndata: \nid: 41\n\n");
});
