import { readFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exportUsers } from "../../../src/accounts/export/export-users.ts";
import { createDatabase, emptyTables, openPool, type TestDatabase } from "../../support/database.ts";
import { passwordHash } from "../../support/factories.ts";
import { fileOf, importFile } from "../../support/import.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

/** Texts with characters that are special in CSV, JSON or PostgreSQL. */
const text = fc
  .array(
    fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 5 }),
      fc.constantFrom(
        '"',
        '""',
        ",",
        ";",
        "\t",
        "|",
        "\n",
        "\r",
        "\r\n",
        "\\",
        "\\N",
        "NULL",
        " ",
        "\u00a0",
        "\ufeff",
        "\u2028",
        "\u0001",
        "'",
        "=",
        "🦊",
        "e\u0301",
      ),
    ),
    { maxLength: 5 },
  )
  .map((parts) => parts.join(""))
  .filter((text) => !/[\0\ud800-\udfff]/.test(text.normalize()) && text.isWellFormed() && !text.includes("\0"))
  .filter((text) => !/^(__proto__|constructor|prototype)$/.test(text));

/** JSON numbers in different notations. */
const number = fc.oneof(
  fc.constantFrom(
    "0",
    "1.0",
    "1.50",
    "-0.10",
    "100",
    "1e5",
    "1.0E-7",
    "0.000",
    "9007199254740992",
    "1e300",
    "5e-324",
    "1.7976931348623157e308",
    "123456789012345.000",
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => JSON.stringify(n)),
  fc.maxSafeInteger().map(String),
);
const { json } = fc.letrec<{ json: string }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 3 },
    number,
    text.map((text) => JSON.stringify(text)),
    fc.constantFrom("true", "false", "null", "{}", "[]", '""'),
    fc.array(tie("json"), { maxLength: 3 }).map((parts) => `[${parts.join(" , ")}]`),
    fc.dictionary(text, tie("json"), { maxKeys: 3 }).map(
      (members) =>
        `{${Object.entries(members)
          .map(([key, value]) => `${JSON.stringify(key)}:${value}`)
          .join(",")}}`,
    ),
  ),
}));

/** Times of the years 1 to 9999, with microseconds. */
const time = fc.oneof(
  fc.constantFrom(
    "0001-01-01 00:00:00+00",
    "9999-12-31 23:59:59.999999+00",
    "1900-01-01 00:00:00.000001+00",
    "0099-02-28 12:00:00.5+00",
  ),
  fc
    .tuple(
      fc.date({ min: new Date("0001-01-01"), max: new Date("9999-12-31T23:59:59Z"), noInvalidDate: true }),
      fc.nat(999),
    )
    .map(([date, micros]) => `${date.toISOString().slice(0, 23)}${String(micros).padStart(3, "0")}Z`),
);

const user = fc.record({
  name: fc.constantFrom("NULL", "null", "Guest4711", "dev", "-_-", "true", "007", "Mira"),
  email: fc.constantFrom(
    "a/b",
    "user%x",
    "{x}",
    "NULL",
    "O'Neil",
    "a..b",
    '"q"',
    "=1+1",
    "-x",
    "a;b",
    "a,b",
    "a|b",
    "Mira",
    "\\n",
  ),
  hash: fc.constantFrom(
    passwordHash,
    "!",
    `$2b$12$${"a".repeat(53)}`,
    `$P$B${"x".repeat(30)}`,
    'pbkdf2_sha256$870000$a,b;c"d$ZGlnZXN0ZGlnZXN0ZGlnZXN0',
  ),
  metadata: fc.dictionary(text, json, { maxKeys: 4 }),
  status: fc.constantFrom("active", "suspended", "banned"),
  role: fc.constantFrom("user", "moderator", "admin"),
  verified: fc.boolean(),
  created: time,
  seen: fc.option(time),
  deleted: fc.option(time),
});

describe("exportUsers and importUsers", () => {
  it.each(["csv", "jsonl"] as const)(
    "an import of an export as %s restores every column, and a second export is identical to the byte",
    async (format) => {
      const { sql } = database;
      const pool = await openPool(database.url);
      const exported = async () => {
        const file = fileOf(`users.${format}`, "");
        await exportUsers({ db: pool.db, format, to: { file }, withPasswordHashes: true, withDeleted: true });
        return file;
      };
      const stored = () =>
        sql`select to_jsonb(users) - 'updated_at' - 'email' || jsonb_build_object('metadata', metadata::text) as row from users order by id`;
      await fc.assert(
        fc.asyncProperty(fc.array(user, { minLength: 1, maxLength: 12 }), async (users) => {
          await emptyTables(sql);
          for (const [
            index,
            { name, email, hash, metadata, status, role, verified, created, seen, deleted },
          ] of users.entries()) {
            const data = `{${Object.entries(metadata)
              .map(([key, value]) => `${JSON.stringify(key)}:${value}`)
              .join(",")}}`;
            const username = index === 0 ? name : `${name}_${index}`;
            await sql`
            insert into users (email, username, password_hash, metadata, status, role, email_verified, created_at, last_login, deleted_at)
            values (${`${email}@x${index}.org`}, ${username}, ${hash}, ${data}::text::jsonb, ${status}, ${role}, ${verified},
              ${created}::text::timestamptz, ${seen}::text::timestamptz, ${deleted}::text::timestamptz)`;
          }
          const [file, before] = [await exported(), await stored()];
          await emptyTables(sql);
          const report = await importFile(pool, file, { allowReservedNames: true });
          expect(report, report.refused > 0 ? readFileSync(`${file}.refused.jsonl`, "utf8") : "").toMatchObject({
            outcome: "done",
            imported: users.length,
            refused: 0,
          });
          expect(await stored()).toEqual(before);
          expect(readFileSync(await exported(), "utf8")).toBe(readFileSync(file, "utf8"));
        }),
        { numRuns: 40 },
      );
    },
  );

  it("an import of a compressed export restores metadata of the largest size", async () => {
    const { sql } = database;
    const pool = await openPool(database.url);
    await emptyTables(sql);
    await sql`
      insert into users (email, username, password_hash, metadata)
      values ('a@x.org', 'Mira', ${passwordHash}, jsonb_build_object('a', repeat(chr(1), 10900))),
        ('b@x.org', 'Tom', ${passwordHash}, jsonb_build_object('a', repeat('"', 32700))),
        ('c@x.org', 'Zoe', ${passwordHash}, jsonb_build_object('a', (select jsonb_agg(1e300::numeric) from generate_series(1, 200))))`;
    const file = fileOf("users.csv", "");
    const to = { db: pool.db, format: "csv", to: { file }, withPasswordHashes: true } as const;
    await exportUsers(to);
    const text = readFileSync(file);
    await emptyTables(sql);
    const compressed = fileOf("users.csv.gz", gzipSync(text));
    expect(await importFile(pool, compressed)).toMatchObject({ imported: 3, refused: 0 });
    await exportUsers(to);
    expect(readFileSync(file)).toEqual(gunzipSync(readFileSync(compressed)));
  });
});
