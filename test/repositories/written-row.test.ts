import fc from "fast-check";
import superjson from "superjson";
import { afterAll, beforeAll, expect, it } from "vitest";
import { WrittenRow } from "../../src/repositories/written-row.ts";
import { writtenAnswer } from "../../src/routers/written-answers.ts";
import { createDatabase, openPool, repositoriesOn, type TestDatabase } from "../support/database.ts";
import { account } from "../support/service.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

/** What a client reads. */
const received = (row: WrittenRow<object> | undefined) =>
  row && superjson.deserialize<object>(JSON.parse(writtenAnswer(row)));

const instant = fc
  .date({ min: new Date("0001-01-01T00:00:00Z"), max: new Date("9999-12-31T00:00:00Z"), noInvalidDate: true })
  .chain((date) =>
    fc.integer({ min: 0, max: 999 }).map((us) => date.toISOString().replace("Z", `${`${us}`.padStart(3, "0")}Z`)),
  );
const metadata = fc.dictionary(
  fc.string({ unit: "grapheme", maxLength: 5 }).filter((key) => !/^(__proto__|constructor|prototype)$|\0/.test(key)),
  fc.oneof(
    fc.constantFrom(null, true, 1.5, -7, 1e21, 2 ** 53),
    fc.string({ unit: "grapheme", maxLength: 8 }).filter((text) => !text.includes("\0")),
    fc.array(fc.integer()),
  ),
  { maxKeys: 3 },
);

it("a written account has the values of the row", async () => {
  const { users } = repositoriesOn((await openPool(database.url)).db);
  const { id } = await account(database.sql);
  await fc.assert(
    fc.asyncProperty(metadata, fc.option(instant), instant, async (data, lastLogin, createdAt) => {
      await database.sql`update users set metadata = ${JSON.stringify(data)}::text::jsonb, last_login = ${lastLogin}::text::timestamptz,
        created_at = ${createdAt}::text::timestamptz where id = ${id}`;
      const row = await users.findById(id);
      const written = await users.findWrittenById(id);
      expect(received(written)).toEqual(row);
      expect(JSON.parse(written.json).createdAt).toBe(row.createdAt.toISOString());
      // Among the rows of one statement too.
      const [first] = await Promise.all([users.findWrittenById(id), users.findWrittenById(id)]);
      expect(received(first)).toEqual(row);
    }),
    { numRuns: 100 },
  );
  await expect(users.findWrittenById("00000000-0000-4000-8000-000000000000")).rejects.toThrow("There is no such user.");
});

it("a written session has the values of the row, and those of its account", async () => {
  const { sessions } = repositoriesOn((await openPool(database.url)).db);
  const { id, sessionId, username } = await account(database.sql, "moderator");
  await database.sql`
    update user_sessions set ip_address = '2001:db8::1', user_agent = ${'a "quoted" \\ agent\n'}, failures = 3,
      device_id = null, factors = '{password, totp}' where id = ${sessionId}`;
  expect(received(await sessions.findLive(id, sessionId))).toEqual({
    ...(await sessions.findById(sessionId)),
    username,
    role: "moderator",
    stage: "full",
  });
});

it("a row without dates is written without annotations", () => {
  expect(received(new WrittenRow('{"a":1}', ""))).toEqual({ a: 1 });
});
