import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { createEventRecorder } from "../../src/audit/event-recorder.ts";
import { createDatabase, emptyTables, openPool, repositoriesOn, type TestDatabase } from "../support/database.ts";
import { testActor } from "../support/things.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
beforeEach(() => emptyTables(database.sql));
afterAll(() => database.drop());

async function opened() {
  const { db, report } = await openPool(database.url);
  return { events: createEventRecorder(repositoriesOn(db).audit), report };
}

const resourceIds = async () => {
  const rows =
    await database.sql`select resource_id from audit_log where action = 'trade.completed' order by resource_id`;
  return rows.map((row) => row["resource_id"]);
};
const trade = (resourceId: string) => ({ action: "trade.completed", resourceId });
const numbered = (count: number) => Array.from({ length: count }, (_, index) => `${index}`.padStart(3, "0"));

it.each([
  [1, 1],
  [16, 1],
  [17, 2],
  [200, 4],
])(
  "%i events of one turn are written by %i statements, each before its caller is answered",
  async (count, statements) => {
    const { events, report } = await opened();
    const { queries: before } = report();
    await Promise.all(numbered(count).map((id) => events.record({ ...testActor, requestId: id }, trade(id))));
    expect(await resourceIds()).toEqual(numbered(count));
    expect(report().queries - before).toBe(statements);
  },
);

it("the events of one request are recorded in their order, whatever other requests record meanwhile", async () => {
  const { events } = await opened();
  const requests = ["first", "second", "third"].map((requestId) => ({ ...testActor, requestId }));
  await Promise.all(numbered(100).flatMap((id) => requests.map((by) => events.record(by, trade(id)))));
  for (const { requestId } of requests) {
    const rows = await database.sql`
      select resource_id from audit_log where request_id = ${requestId} order by created_at, ctid`;
    expect(rows.map((row) => row["resource_id"])).toEqual(numbered(100));
  }
});

it("an event for an unknown user fails alone", async () => {
  const { events } = await opened();
  const results = await Promise.allSettled(
    numbered(40).map((id) => events.record(testActor, { ...trade(id), ...(id === "007" && { userId: randomUUID() }) })),
  );
  const failed = results.flatMap((result, index) =>
    result.status === "rejected" ? [[index, result.reason.field]] : [],
  );
  expect(failed).toEqual([[7, "userId"]]);
  expect(await resourceIds()).toEqual(numbered(40).filter((id) => id !== "007"));
});

it("events that cannot be written fail, and the next ones are written", async () => {
  const { events } = await opened();
  const tooLong = { action: "trade.completed", resourceType: "x".repeat(200) };
  await expect(events.record(testActor, tooLong)).rejects.toThrow();
  await events.record(testActor, trade("after"));
  expect(await resourceIds()).toEqual(["after"]);
});
