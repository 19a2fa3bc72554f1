import { readFileSync } from "node:fs";
import { PassThrough } from "node:stream";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exportUsers } from "../../../src/accounts/export/export-users.ts";
import { createDatabase, emptyTables, openPool, type TestDatabase } from "../../support/database.ts";
import { passwordHash } from "../../support/factories.ts";
import { fileOf, importFile } from "../../support/import.ts";

const formats = ["csv", "jsonl"] as const;

/** All rows, without the column that the database sets itself. */
const stored = ({ sql }: TestDatabase) =>
  sql`select to_jsonb(users) - 'updated_at' as row from users order by id`.then((rows) => rows.map(({ row }) => row));

describe("exportUsers", () => {
  const databases: TestDatabase[] = [];
  beforeAll(async () => {
    databases.push(await createDatabase(), await createDatabase());
  });
  afterAll(() => Promise.all(databases.map(({ drop }) => drop())));

  /** Two databases without users. */
  async function emptyDatabases() {
    const [a, b] = databases as [TestDatabase, TestDatabase];
    const from = await openPool(a.url);
    const into = await openPool(b.url);
    const empty = async () => {
      for (const { sql } of [a, b]) await emptyTables(sql);
    };
    await empty();
    return { a, b, from, into, empty };
  }

  const oddText = fc
    .string({ unit: "grapheme", maxLength: 40 })
    .filter((text) => !/[\0\ud800-\udfff]|^(__proto__|constructor|prototype)$/.test(text));
  const odd = fc.oneof(
    oddText,
    fc.constantFrom('"', ",", "\n", "\r\n", '""', "\\", "\t", " x ", "'"),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
  );
  const user = fc.record({
    metadata: fc.dictionary(
      oddText,
      fc.oneof(odd, fc.array(odd, { maxLength: 3 }), fc.dictionary(oddText, odd, { maxKeys: 3 })),
      { maxKeys: 4 },
    ),
    status: fc.constantFrom("active", "suspended", "banned"),
    role: fc.constantFrom("user", "moderator", "admin"),
    verified: fc.boolean(),
    seen: fc.boolean(),
    deleted: fc.boolean(),
  });

  it.each(formats)("an export as %s imports to identical users, with any metadata", async (format) => {
    const { a, b, from, into, empty } = await emptyDatabases();
    await fc.assert(
      fc.asyncProperty(fc.array(user, { minLength: 1, maxLength: 8 }), async (users) => {
        await empty();
        for (const [index, { metadata, status, role, verified, seen, deleted }] of users.entries()) {
          await a.sql`
            insert into users (email, username, password_hash, metadata, status, role, email_verified, created_at, last_login, deleted_at)
            values (${`p${index}@example.com`}, ${`P_${index}`}, ${passwordHash}, ${a.sql.json(metadata)}, ${status}, ${role}, ${verified},
              now() - interval '1 day 0.000001 s', ${seen ? a.sql`now()` : null}, ${deleted ? a.sql`now()` : null})`;
        }
        const file = fileOf(`users.${format}`, "");
        const options = { format, to: { file }, withPasswordHashes: true, withDeleted: true };
        expect(await exportUsers({ db: from.db, ...options })).toEqual({ rows: users.length });
        expect(await importFile(into, file)).toMatchObject({ outcome: "done", imported: users.length, refused: 0 });
        expect(await stored(b)).toEqual(await stored(a));
      }),
      { numRuns: 25 },
    );
  });

  it.each(formats)(
    "an export as %s has no password hashes and no deleted users by default, and is in the order of ids",
    async (format) => {
      const { a, from } = await emptyDatabases();
      await a.sql`
      insert into users (email, username, password_hash, deleted_at)
      select 'p' || n || '@example.com', 'p_' || n, ${passwordHash}, case when n = 3 then now() end from generate_series(1, 2500) n`;
      const file = fileOf(`users.${format}`, "before");
      expect(await exportUsers({ db: from.db, format, to: { file } })).toEqual({ rows: 2_499 });
      const text = readFileSync(file, "utf8");
      expect(text).not.toMatch(/argon2|password/i);
      const ids = text.match(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g) ?? [];
      expect(ids).toHaveLength(2_499);
      expect(ids).toEqual([...ids].sort());
      if (format === "csv")
        expect(text).toMatch(/^id,email,username,emailVerified,status,role,metadata,createdAt,lastLogin\n/);
      else expect(Object.keys(JSON.parse(text.split("\n")[0] ?? ""))).toContain("lastLogin");
    },
  );

  it("an export is one snapshot of the database, and leaves a stream open", async () => {
    const { a, from } = await emptyDatabases();
    await a.sql`
      insert into users (email, username, password_hash)
      select 'p' || n || '@example.com', 'p_' || n, ${passwordHash} from generate_series(1, 3000) n`;
    const output = new PassThrough({ highWaterMark: 1 });
    const exporting = exportUsers({ db: from.db, format: "jsonl", to: { output } });
    const first = await new Promise<Buffer>((resolve) => output.once("data", resolve));
    output.pause();
    await a.sql`
      update users set metadata = '{"late":true}' where id = (select id from users order by id desc limit 1)`;
    let text = String(first);
    output.on("data", (data) => (text += data)).resume();
    expect(await exporting).toEqual({ rows: 3_000 });
    expect(output.writableEnded).toBe(false);
    expect(text).not.toContain("late");
    expect(text.trimEnd().split("\n")).toHaveLength(3_000);
  });

  it("an export that fails leaves an existing file unchanged", async () => {
    const { from } = await emptyDatabases();
    const file = fileOf("users.csv", "before");
    const signal = AbortSignal.abort();
    await expect(exportUsers({ db: from.db, format: "csv", to: { file }, signal })).rejects.toThrow();
    expect(readFileSync(file, "utf8")).toBe("before");
  });
});
