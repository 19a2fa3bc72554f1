import { afterAll, beforeAll, expect, it } from "vitest";
import { createDatabase, type TestDatabase } from "../support/database.ts";
import { clientOf, serviceForTest, serviceToken } from "../support/service.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

it("health.status reports to anonymous callers that the service is ready", async () => {
  const { url } = await serviceForTest(database.url);
  const status = await clientOf(url).health.status.query();
  expect(status).toEqual({ ready: true, database: true, time: expect.any(Date) });
});

it("health.details lists slow queries with their text and without their values", async () => {
  const { url } = await serviceForTest(database.url, { env: { SLOW_QUERY_MS: "0" } });
  const client = clientOf(url, serviceToken);
  await client.users.byEmail.query({ email: "somebody@example.com" }).catch(() => {});

  const { queries } = await client.health.details.query();
  const slow = queries.slow.find(({ text }) => text.includes('lower($1::text collate "C")'));
  expect(slow).toMatchObject({ count: 1, worst: expect.any(Number), last: expect.any(Date) });
  expect(queries.slowQueries).toBeGreaterThan(0);
  expect(JSON.stringify(queries)).not.toContain("somebody@example.com");
});
