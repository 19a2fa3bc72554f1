import fc from "fast-check";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readExport } from "../../src/repositories/user-export.ts";
import { formatInstant, parseInstant } from "../../src/schema/instant.ts";
import { createDatabase, openPool, repositoriesOn, type TestDatabase } from "../support/database.ts";
import { newUser } from "../support/factories.ts";

const first = new Date("0001-01-01T00:00:00.000Z");
const last = new Date("9999-12-31T23:59:59.999Z");
const moments = fc.date({ min: first, max: last, noInvalidDate: true });

describe("a timestamp of the database", () => {
  it.each([
    ["0050-06-15 00:00:00+00", "0050-06-15T00:00:00.000Z"],
    ["0001-01-01 00:00:00+00", "0001-01-01T00:00:00.000Z"],
    ["0023-06-15T12:00:00Z", "0023-06-15T12:00:00.000Z"],
    ["1900-01-01 05:41:16+05:41:16", "1900-01-01T00:00:00.000Z"],
    ["1900-01-01T00:00:00-00:00:01", "1900-01-01T00:00:01.000Z"],
    ["2026-11-26 12:00:00.999999+0530", "2026-11-26T06:30:00.999Z"],
    ["0001-01-01 00:59:59.000999-14", "0001-01-01T14:59:59.000Z"],
    ["2024-02-29 23:59:59.5+00", "2024-02-29T23:59:59.500Z"],
  ])("the timestamp %s is read as the moment that it names", (text, expected) => {
    expect(parseInstant(text).toISOString()).toBe(expected);
  });

  it.each([
    "infinity",
    "-infinity",
    "",
    "0044-03-15 00:00:00+00 BC",
    "15/06/2026 00:00:00 UTC",
    "Mon Jun 15 00:00:00 2026 UTC",
    "2026-06-15",
    "2026-06-15 12:00:00",
    "2026-06-15 12:00+00",
    "50-06-15 00:00:00+00",
    "2026-02-30 00:00:00+00",
    "2023-02-29 00:00:00+00",
    "2026-13-01 00:00:00+00",
    "2026-06-15 24:00:00+00",
    "2026-06-15 12:60:00+00",
    "2026-06-15 12:00:00+00:99",
    "12026-06-15 12:00:00+00",
    "0000-01-01 00:00:00+00",
    "0001-01-01 00:00:00+01",
    "9999-12-31 23:59:59-01",
    "2026-06-15 12:00:00.1234567+00",
    "2026-06-15 12:00:00+00 ",
  ])("the timestamp %s is refused, and never read as another moment", (text) => {
    expect(() => parseInstant(text)).toThrow(RangeError);
  });

  it("a time is written with a year of four digits, or refused", () => {
    expect(formatInstant(new Date("0050-06-15T00:00:00Z"))).toBe("0050-06-15T00:00:00.000Z");
    for (const bad of [Number.NaN, first.getTime() - 1, last.getTime() + 1])
      expect(() => formatInstant(new Date(bad))).toThrow(RangeError);
  });
});

describe.each([
  ["SQL, DMY", "Asia/Kathmandu"],
  ["Postgres, MDY", "America/St_Johns"],
  ["German, DMY", "Africa/Monrovia"],
  ["ISO, YMD", "Pacific/Apia"],
])("with DateStyle %s and TimeZone %s of role and database", (style, zone) => {
  let database: TestDatabase;
  let url: URL;
  beforeAll(async () => {
    database = await createDatabase();
    url = new URL(database.url);
    await database.sql.unsafe(`
      alter database ${url.pathname.slice(1)} set datestyle = '${style}';
      alter database ${url.pathname.slice(1)} set timezone = '${zone}'`);
  });
  afterAll(() => database.drop());

  it("every time of the years 1 to 9999 comes back as it was stored, in rows, filters and cursors, or is refused", async () => {
    const { db } = await openPool(url.href);
    const { users } = repositoriesOn(db);
    const by = { name: "system:test" };
    const { id } = await users.create(by, newUser());
    const other = await users.create(by, newUser());
    await fc.assert(
      fc.asyncProperty(moments, async (lastLogin) => {
        expect((await users.update(by, id, { lastLogin })).lastLogin).toEqual(lastLogin);
        expect((await users.findById(id)).lastLogin).toEqual(lastLogin);
        expect(await users.count({ id, lastLogin })).toBe(1);
        expect(await users.count({ id, lastLogin: { gte: lastLogin, lte: lastLogin } })).toBe(1);
        await users.updateMany(by, [{ id: other.id, change: { metadata: { at: lastLogin.getTime() } } }]);
        const [row] =
          await database.sql`select extract(epoch from last_login) * 1000 as ms from users where id = ${id}`;
        expect(Number(row?.["ms"])).toBe(lastLogin.getTime());
        const sort = { field: "lastLogin" } as const;
        const page = await users.list({ where: { id: { in: [id, other.id] } }, sort, limit: 1 });
        expect(page.items.map((one) => one.id)).toEqual([id]);
        const next = await users.list({
          where: { id: { in: [id, other.id] } },
          sort,
          limit: 1,
          cursor: page.nextCursor,
        });
        expect(next.items.map((one) => one.id)).toEqual([other.id]);
      }),
      {
        numRuns: 40,
        examples: [[first], [last], [new Date("0050-06-15T00:00:00Z")], [new Date("1900-01-01T00:00:00Z")]],
      },
    );
  });

  it("exports and bounds of partitions do not depend on the settings of the connection", async () => {
    const { db } = await openPool(url.href);
    const given = [
      "0001-01-01T00:00:00.000001Z",
      "0050-06-15T12:00:00.123456Z",
      "1900-01-01T00:00:00Z",
      "9999-12-31T23:59:59.999999Z",
    ];
    const { email, username, passwordHash } = newUser();
    for (const [n, time] of given.entries())
      await database.sql`
        insert into users (email, username, password_hash, last_login)
        values (${email + n}, ${username + n}, ${passwordHash}, ${time}::text::timestamptz)`;
    const exported = await db.transaction(async (tx) => {
      const rows: (string | null | undefined)[] = [];
      for await (const batch of readExport(tx, { fields: ["lastLogin"], withDeleted: false }))
        rows.push(...batch.map((row) => row["lastLogin"]));
      return rows;
    });
    expect(exported).toEqual(expect.arrayContaining(given));
    const { audit } = repositoriesOn(db);
    for (const { name, from } of await audit.partitions())
      if (name !== "audit_log_beyond")
        expect(from?.toISOString()).toBe(`${name.slice(-7).replace("_", "-")}-01T00:00:00.000Z`);
  });

  it("a connection without the service's settings reads the exact moment of a timestamp, or refuses it", async () => {
    const plain = postgres(url.href, { max: 1, fetch_types: false });
    try {
      await fc.assert(
        fc.asyncProperty(moments, async (moment) => {
          const [row] = await plain.unsafe(`select timestamptz '${formatInstant(moment)}' :: text as text`);
          let read: Date | undefined;
          try {
            read = parseInstant(row?.["text"]);
          } catch {
            // In the zone's own time it may be a year before 1 or after 9999.
            if (style.startsWith("ISO")) expect(row?.["text"]).toMatch(/BC$|^\d{5}/);
            return;
          }
          expect(read).toEqual(moment);
        }),
        { numRuns: 100, examples: [[new Date("1900-01-01T00:00:00Z")], [new Date("0050-06-15T00:00:00Z")]] },
      );
    } finally {
      await plain.end();
    }
  });
});
