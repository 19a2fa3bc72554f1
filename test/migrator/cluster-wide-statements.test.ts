import { expect, inject, it } from "vitest";
import { baseline } from "../../src/migrator/commands/baseline.ts";
import { plan } from "../../src/migrator/commands/plan.ts";
import { verify } from "../../src/migrator/commands/verify.ts";
import { refuseClusterWideStatements } from "../../src/migrator/lint/cluster-wide-statements.ts";
import { emptyDatabase, migrationsOf } from "../support/migrations.ts";

const server = () => ({ url: inject("serverUrl") });
const role = `legacy_${process.pid}`;
const a = { tag: "0000_a", up: "create table a (id int);", down: `drop table a;\ndrop role if exists ${role};` };

it.each([
  ["create role x", true],
  ["alter user x set search_path = public", true],
  ["drop group if exists x", true],
  ["grant a to b", true],
  ["drop owned by x", true],
  ["alter database x set timezone = 'UTC'", true],
  ["alter database x owner to y", true],
  ["grant connect on database x to y", true],
  ["alter system set work_mem = '1GB'", true],
  ["create tablespace x location '/x'", true],
  ["alter role x rename to y", true],
  ["do $$ begin execute format('create role %I', 'x'); end $$", true],
  ["do $$ begin -- create role x\n perform 1; end $$", false],
  ["create user x with no grammar", true],
  ["create user mapping for current_user server s", false],
  ["grant select on users to public", false],
  ["comment on column a.role is 'drop role x'", false],
  ["alter table users owner to current_user", false],
])("recognizes cluster-wide statements: %s", async (sql, isServerWide) => {
  const refused = await refuseClusterWideStatements([{ file: "x.sql", sql, noTransaction: false }]).then(
    () => false,
    () => true,
  );
  expect(refused).toBe(isServerWide);
});

it("verify, plan and baseline do not change roles unless the server is disposable", async () => {
  const { sql, target } = await emptyDatabase();
  await sql.unsafe(`create role ${role}; create table a (id int)`);
  const roles = () => sql`select oid from pg_roles where rolname = ${role}`;
  const [before] = await roles();
  const { folder, write } = migrationsOf(a);
  const remedy = /0000_a\.down\.sql:2: drop role if exists legacy_.*\n.*--scratch <url>/;
  await expect(verify({ server: server(), folder })).rejects.toThrow(remedy);

  write({ tag: a.tag, up: `${a.up}\ndo $$ begin execute 'create role ${role}_2'; end $$;` });
  const planned = await plan({ target, folder });
  expect(planned.error?.message).toMatch(/0000_a\.sql:2: do .*\n.*--scratch <url>/);
  expect(planned.migrations[0]?.statements).toHaveLength(2);
  await expect(baseline({ target, folder, tag: a.tag })).rejects.toThrow("--scratch <url>");
  expect(await roles()).toEqual([before]);
  expect(await sql`select 1 from pg_roles where rolname = ${`${role}_2`}`).toEqual([]);

  write(a);
  expect(await verify({ server: server(), disposable: true, folder })).toMatchObject([{ outcome: "verified" }]);
  expect(await roles()).toEqual([]);
});
