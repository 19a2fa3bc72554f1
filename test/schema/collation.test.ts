import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { Database } from "../../src/database/pool.ts";
import { up } from "../../src/migrator/commands/up.ts";
import { openPool, repositoriesOn } from "../support/database.ts";
import { passwordHash } from "../support/factories.ts";

const by = { name: "system:test" };

describe.each([
  ["ICU, Turkish", "locale_provider icu icu_locale 'tr-TR' locale 'C'"],
  ["ICU, Lithuanian without regard to punctuation", "locale_provider icu icu_locale 'lt-LT-u-ka-shifted' locale 'C'"],
  ["libc, C", "locale_provider libc locale 'C'"],
])("in a database whose collation is %s", (_, locale) => {
  let sql: postgres.Sql;
  let server: postgres.Sql;
  let url: string;
  const name = `aeturnis_test_${randomUUID().replaceAll("-", "")}`;
  beforeAll(async () => {
    server = postgres(inject("serverUrl"), { max: 1, onnotice: () => {} });
    await server.unsafe(`create database ${name} template template0 encoding 'UTF8' ${locale}`);
    const target = new URL(inject("serverUrl"));
    target.pathname = `/${name}`;
    url = target.href;
    expect((await up({ target: { url } })).error).toBeUndefined();
    sql = postgres(url, { max: 2, onnotice: () => {} });
    await sql`insert into users (email, username, password_hash) values ('IVAN.I@EXAMPLE.COM', 'Mira-IVAN', ${passwordHash}), ('ivan.i@example.org', 'miraivan', ${passwordHash})`;
    await sql`
      insert into users (email, username, password_hash) select 'I' || n || '@example.com', 'I_' || n, ${passwordHash} from generate_series(100, 5000) n`;
    await sql`analyze users`;
  });
  afterAll(async () => {
    await sql.end();
    await server.unsafe(`drop database ${name} with (force)`);
    await server.end();
  });

  it("an email and a username belong to one account in any case of their letters", async () => {
    const insert = (email: string, username: string) =>
      sql`insert into users (email, username, password_hash) values (${email}, ${username}, ${passwordHash})`;
    await expect(insert("ivan.i@example.com", "else")).rejects.toMatchObject({ constraint_name: "idx_users_email" });
    await expect(insert("else@example.com", "mira-ivan")).rejects.toMatchObject({
      constraint_name: "idx_users_username",
    });
  });

  it("every look-up finds an email and a username in any case of their letters", async () => {
    const { users } = repositoriesOn((await openPool(url)).db);
    for (const given of ["ivan.i@example.com", "IVAN.I@EXAMPLE.COM", "Ivan.i@Example.com"]) {
      const { id } = await users.findByEmail(given);
      const filters = [
        { email: given },
        { email: { in: [given] } },
        { email: { like: given } },
        { email: { ilike: `${given.slice(0, 5)}*COM` } },
      ];
      for (const where of filters) expect((await users.list({ where })).items.map((one) => one.id)).toEqual([id]);
    }
    for (const given of ["mira-ivan", "MIRA-IVAN"]) {
      expect((await users.findByUsername(given)).email).toBe("IVAN.I@EXAMPLE.COM");
      expect(await users.count({ username: { like: `${given.slice(0, 6)}*` } })).toBe(1);
    }
  });

  it("bulk rows with a taken email or username are rejected", async () => {
    const { users } = repositoriesOn((await openPool(url)).db);
    const rows = [
      { email: "ivan.i@example.com", username: "Fresh-1", passwordHash },
      { email: "Fresh-2@example.com", username: "MIRAIVAN", passwordHash },
    ];
    const { refused } = await users.createMany(by, rows, { atomic: false });
    expect(refused.map(({ field }) => field)).toEqual(["email", "username"]);
  });

  it("pages by username are in byte order and complete, and use an index, as prefix searches do", async () => {
    const database: Database = await openPool(url);
    const { users } = repositoriesOn(database.db);
    const names: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await users.list({ sort: { field: "username" }, limit: 100, cursor });
      names.push(...page.items.map(({ username }) => username.toLowerCase()));
      cursor = page.nextCursor;
    }
    expect(names).toEqual([...names].sort());
    expect(names).toHaveLength(4903);
    const plans = [
      `select id from users where lower(username) collate "C" like lower('MIRA%' collate "C") and deleted_at is null`,
      `select id from users where lower(email) = lower('I200@example.com')`,
      `select id from users where lower(username) = lower('I_200')`,
      `select id from users where email = 'I200@example.com'`,
      `select id from users where (lower(username) collate "C", id) > ('i_200', '00000000-0000-0000-0000-000000000000') and deleted_at is null order by lower(username) collate "C", id limit 5`,
    ];
    for (const query of plans) {
      const plan = (await sql.unsafe(`explain ${query}`)).map((row) => row["QUERY PLAN"]).join("\n");
      expect(plan, query).toMatch(/Index.*(users_email|users_username)/);
    }
  });
});
