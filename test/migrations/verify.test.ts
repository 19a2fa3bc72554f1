import { writeFileSync } from "node:fs";
import { describe, expect, inject, it } from "vitest";
import { verify } from "../../src/migrations/verify.ts";
import { migrationsOf, type TestMigration } from "../support/migrations.ts";

const server = () => ({ url: inject("serverUrl") });
const a = { tag: "0000_a", up: "create table a (id int primary key, name text not null);", down: "drop table a;" };

/** The finding on the last of these migrations. */
async function finding(...migrations: TestMigration[]) {
  const { folder } = migrationsOf(...migrations);
  return (await verify({ server: server(), folder })).at(-1);
}

it("proves this project's own ways back, with rows in every table", async () => {
  const proofs = await verify({ server: server() });
  expect(proofs.map(({ tag, outcome, reasons, empty }) => ({ tag, outcome, reasons, empty }))).toEqual(
    [
      "0000_create_users",
      "0001_create_user_security",
      "0002_create_audit_log",
      "0003_create_sessions",
      "0004_record_changes",
    ].map((tag) => ({
      tag,
      outcome: "proved",
      reasons: [],
      empty: [],
    })),
  );
});

describe("a way back is not proved that", () => {
  const cases: [string, TestMigration, RegExp][] = [
    ["is not there", { tag: "0001_b", up: "create table b (id int);" }, /has no 0001_b\.down\.sql/],
    ["is empty", { tag: "0001_b", up: "create table b (id int);", down: "-- later" }, /0001_b\.down\.sql is empty/],
    [
      "forgets something",
      { tag: "0001_b", up: "create table b (id int); create index on a (name);", down: "drop table b;" },
      /after its down this is left over: index public\.a_name_idx/,
    ],
    [
      "drops too much",
      { tag: "0001_b", up: "create table b (id int);", down: "drop table b; alter table a drop column name;" },
      /after its down this is missing: column public\.a\.name text not null/,
    ],
    [
      "deletes rows that were there before",
      { tag: "0001_b", up: "create table b (id int);", down: "drop table b; delete from a;" },
      /after its down 3 of 3 rows of public\.a are gone or changed/,
    ],
    [
      "changes rows that were there before",
      { tag: "0001_b", up: "create table b (id int);", down: "drop table b; update a set name = name || '!';" },
      /rows of public\.a are gone or changed/,
    ],
    [
      "forgets a grant",
      { tag: "0001_b", up: "grant select on a to public;", down: "select 1;" },
      /left over: .*grant/i,
    ],
    [
      "forgets a comment",
      { tag: "0001_b", up: "comment on table a is 'x';", down: "select 1;" },
      /left over: comment on table public\.a: x/,
    ],
    [
      "fails",
      { tag: "0001_b", up: "create table b (id int);", down: "drop table c;" },
      /0001_b\.down\.sql:1:1: table "c" does not exist/,
    ],
    [
      "works on empty tables alone",
      {
        tag: "0001_b",
        up: "alter table a alter column name drop not null; alter table a add column b int not null default 1;",
        down: "alter table a drop column b; alter table a alter column name set not null;",
      },
      /column "name" of relation "a" contains null values/,
    ],
  ];
  it.each(cases)("%s", async (_, migration, reason) => {
    expect(await finding(a, migration)).toMatchObject({
      tag: "0001_b",
      outcome: "failed",
      reasons: expect.arrayContaining([expect.stringMatching(reason)]),
    });
  });
});

it("one that truly cannot be undone says why, and those behind it are proved all the same", async () => {
  const { folder } = migrationsOf(
    a,
    {
      tag: "0001_b",
      up: "update a set name = lower(name);",
      down: "-- migrate: irreversible nobody knows which were upper case\n",
    },
    { tag: "0002_c", up: "create table c (id int);", down: "drop table c;" },
  );
  const proofs = await verify({ server: server(), folder });
  expect(proofs.map(({ outcome }) => outcome)).toEqual(["proved", "irreversible", "proved"]);
  expect(proofs[1]?.reasons).toEqual(["nobody knows which were upper case"]);
});

it("goes on behind one that fails, on a fresh database, and reports every failure in one go", async () => {
  const { folder } = migrationsOf(
    a,
    { tag: "0001_b", up: "create table b (id int);", down: "select 1;" },
    { tag: "0002_c", up: "alter table b add column c int;", down: "alter table b drop column c;" },
    { tag: "0003_d", up: "create table d (id int);", down: "drop table a;" },
  );
  const told: string[] = [];
  const proofs = await verify({
    server: server(),
    folder,
    onProof: ({ tag, outcome }) => told.push(`${tag} ${outcome}`),
  });
  expect(proofs.map(({ tag, outcome }) => `${tag} ${outcome}`)).toEqual([
    "0000_a proved",
    "0001_b failed",
    "0002_c proved",
    "0003_d failed",
  ]);
  expect(told).toEqual(proofs.map(({ tag, outcome }) => `${tag} ${outcome}`));
});

it("an up that fails ends it: there is nothing to prove the rest on", async () => {
  const { folder } = migrationsOf(
    a,
    { tag: "0001_b", up: "create table a (id int);", down: "select 1;" },
    { tag: "0002_c", up: "select 1;", down: "select 1;" },
  );
  const proofs = await verify({ server: server(), folder });
  expect(proofs.map(({ outcome }) => outcome)).toEqual(["proved", "failed", "not tried"]);
  expect(proofs[1]?.reasons[0]).toMatch(/0001_b\.sql:1:1: relation "a" already exists/);
});

it("only the newest, when asked for so many", async () => {
  const { folder } = migrationsOf(
    { ...a, down: "select 1;" },
    { tag: "0001_b", up: "create table b (id int);", down: "drop table b;" },
  );
  expect(await verify({ server: server(), folder, steps: 1 })).toMatchObject([{ tag: "0001_b", outcome: "proved" }]);
});

it("says which tables it found no rows for, and takes them from .rows.sql", async () => {
  const odd = {
    tag: "0000_odd",
    up: "create function odd(text) returns boolean immutable language sql as $$ select md5($1) = md5('a secret word') $$;\ncreate table odd (word text not null check (odd(word)));",
    down: "drop table odd; drop function odd(text);",
  };
  const { folder } = migrationsOf(odd);
  const [without] = await verify({ server: server(), folder });
  expect(without).toMatchObject({
    outcome: "proved",
    empty: [{ table: "public.odd", reason: expect.stringContaining("odd_word_check") }],
  });
  writeFileSync(`${folder}/0000_odd.rows.sql`, "insert into odd values ('a secret word');");
  expect(await verify({ server: server(), folder })).toMatchObject([{ outcome: "proved", empty: [] }]);
});

it("proves what does not run in a transaction, too", async () => {
  const index = {
    tag: "0001_index",
    up: "-- migrate: no-transaction\ncreate index concurrently i on a (name);",
    down: "-- migrate: no-transaction\ndrop index concurrently i;",
  };
  expect(await finding(a, index)).toMatchObject({ outcome: "proved", reasons: [] });
});
