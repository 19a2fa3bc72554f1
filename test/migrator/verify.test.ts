import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, inject, it, onTestFinished } from "vitest";
import { verify } from "../../src/migrator/commands/verify.ts";
import { migrationsFolder, readJournal } from "../../src/migrator/journal/folder.ts";
import { migrationsOf, type TestMigration } from "../support/migrations.ts";

const server = () => ({ url: inject("serverUrl") });
const a = { tag: "0000_a", up: "create table a (id int primary key, name text not null);", down: "drop table a;" };

/** Returns the result for the last of these migrations. */
async function finding(...migrations: TestMigration[]) {
  const { folder } = migrationsOf(...migrations);
  return (await verify({ server: server(), folder })).at(-1);
}

it("verify accepts this project's own down migrations with rows in every table", async () => {
  const proofs = await verify({ server: server() });
  expect(proofs.map(({ tag, outcome, reasons, empty }) => ({ tag, outcome, reasons, empty }))).toEqual(
    readJournal().map(({ tag }) => ({ tag, outcome: "verified", reasons: [], empty: [] })),
  );
});

describe("verify fails a down migration that", () => {
  const cases: [string, TestMigration, RegExp][] = [
    ["does not exist", { tag: "0001_b", up: "create table b (id int);" }, /has no 0001_b\.down\.sql/],
    ["is empty", { tag: "0001_b", up: "create table b (id int);", down: "-- later" }, /0001_b\.down\.sql is empty/],
    [
      "leaves an index behind",
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
      "leaves a grant behind",
      { tag: "0001_b", up: "grant select on a to public;", down: "select 1;" },
      /left over: .*grant/i,
    ],
    [
      "leaves another owner behind",
      { tag: "0001_b", up: "alter table a owner to pg_monitor;", down: "select 1;" },
      /left over: owner of table public\.a: pg_monitor/,
    ],
    [
      "leaves a comment behind",
      { tag: "0001_b", up: "comment on table a is 'x';", down: "select 1;" },
      /left over: comment on table public\.a: x/,
    ],
    [
      "fails",
      { tag: "0001_b", up: "create table b (id int);", down: "drop table c;" },
      /0001_b\.down\.sql:1:1: table "c" does not exist/,
    ],
    [
      "works only on empty tables",
      {
        tag: "0001_b",
        up: "alter table a alter column name drop not null; alter table a add column b int not null default 1;",
        down: "alter table a drop column b; alter table a alter column name set not null;",
      },
      /column "name" of relation "a" contains null values/,
    ],
  ];
  it.each(cases)("verify fails a down migration that %s", async (_, migration, reason) => {
    expect(await finding(a, migration)).toMatchObject({
      tag: "0001_b",
      outcome: "failed",
      reasons: expect.arrayContaining([expect.stringMatching(reason)]),
    });
  });
});

describe("rows that the up inserts", () => {
  const roles = {
    tag: "0000_roles",
    up: "create table roles (id serial primary key, name text not null unique, made timestamptz not null default now());\ncreate table rights (role int not null references roles, name text);",
    down: "drop table rights; drop table roles;",
  };
  const seed =
    "insert into roles (name) values ('moderator');\ninsert into rights select id, 'mute' from roles where name = 'moderator';";

  it("verify accepts an up whose rows its down deletes", async () => {
    const down = "delete from rights where name = 'mute'; delete from roles where name = 'moderator';";
    expect(await finding(roles, { tag: "0001_seed", up: seed, down })).toMatchObject({
      outcome: "verified",
      reasons: [],
    });
  });

  it.each([
    [
      "leaves the rows of its up",
      "select 1;",
      /1 rows of public\.roles that its up inserted are left over: .*moderator/,
    ],
    [
      "inserts other rows",
      "delete from rights where name = 'mute'; update roles set name = 'x' where name = 'moderator'; insert into roles (name) values ('y');",
      /2 rows of public\.roles are new: .*"[xy]"/,
    ],
    [
      "deletes earlier rows",
      "delete from rights; delete from roles;",
      /3 of 3 rows of public\.roles are gone or changed/,
    ],
  ])("verify fails a down migration that %s", async (_, down, reason) => {
    const found = await finding(roles, { tag: "0001_seed", up: seed, down });
    expect(found).toMatchObject({ outcome: "failed" });
    expect(found?.reasons.join("\n")).toMatch(reason);
  });

  it("verify accepts rows that differ only in nondeterministic columns", async () => {
    const stamped = {
      tag: "0000_stamps",
      up: "create table stamps (id uuid, at timestamptz, name text);",
      down: "drop table stamps;",
    };
    const up = "insert into stamps values (gen_random_uuid(), now(), 'first');";
    const down = "delete from stamps where name = 'first';";
    expect(await finding(stamped, { tag: "0001_seed", up, down })).toMatchObject({ outcome: "verified", reasons: [] });
  });

  it("verify accepts surplus rows that only a trigger has inserted", async () => {
    const audited = {
      tag: "0000_audited",
      up: `create table roles (name text primary key);
        create table changes (at timestamptz default clock_timestamp(), what text);
        create function record() returns trigger language plpgsql as $$ begin insert into changes (what) values (tg_op); return null; end $$;
        create trigger record after insert or delete on roles for each row execute function record();`,
      down: "drop table roles; drop function record(); drop table changes;",
    };
    const seeded = {
      tag: "0001_seed",
      up: "insert into roles values ('a');",
      down: "delete from roles where name = 'a';",
    };
    expect(await finding(audited, seeded)).toMatchObject({ outcome: "verified", reasons: [] });
  });

  it("verify accepts a down that restores rows that its up has moved", async () => {
    const archive = {
      ...a,
      up: `${a.up} create table archive (like a, batch text);`,
      down: "drop table archive; drop table a;",
    };
    const moved = {
      tag: "0001_archive",
      up: "with gone as (delete from a returning *) insert into archive select gone.*, '0001' from gone;",
      down: "with back as (delete from archive where batch = '0001' returning id, name) insert into a select * from back;",
    };
    expect(await finding(archive, moved)).toMatchObject({ outcome: "verified", reasons: [] });
  });
});

describe("an up that rejects the fixtures", () => {
  const nullable = {
    tag: "0000_a",
    up: "create table a (id int primary key, name text, other int);\ncreate table b (id int primary key);",
    down: "drop table b; drop table a;",
  };
  const cases: [string, TestMigration[], { table: string; reason: RegExp }[]][] = [
    [
      "not null",
      [
        {
          tag: "0001_b",
          up: "alter table a alter name set not null;",
          down: "alter table a alter name drop not null;",
        },
      ],
      [
        {
          table: "public.a",
          reason: /rejects the fixtures \(.*contains null values.*earlier migration's \.rows\.sql/,
        },
      ],
    ],
    [
      "a foreign key",
      [
        {
          tag: "0001_b",
          up: "alter table a add constraint f foreign key (other) references b;",
          down: "alter table a drop constraint f;",
        },
      ],
      [{ table: "public.a", reason: /violates foreign key constraint/ }],
    ],
    [
      "keys of its own",
      [
        {
          tag: "0001_kinds",
          up: "create table kinds (id int primary key check (id between 1 and 3)); create table uses (kind int not null references kinds);",
          down: "drop table uses; drop table kinds;",
        },
        {
          tag: "0002_seed",
          up: "insert into kinds values (1), (2), (3);",
          down: "delete from kinds where id between 1 and 3;",
        },
      ],
      [
        { table: "public.kinds", reason: /duplicate key/ },
        { table: "public.uses", reason: /as there were no rows in public\.kinds/ },
      ],
    ],
    [
      "a type",
      [
        {
          tag: "0001_b",
          up: "alter table a alter name type int using name::int;",
          down: "alter table a alter name type text;",
        },
      ],
      [{ table: "any table", reason: /invalid input syntax/ }],
    ],
    [
      "a check made valid later",
      [
        {
          tag: "0001_b",
          up: "alter table a add constraint c check (other > 5 and other < 7) not valid;",
          down: "alter table a drop constraint c;",
        },
        {
          tag: "0002_c",
          up: "alter table a validate constraint c;",
          down: "alter table a drop constraint c; alter table a add constraint c check (other > 5 and other < 7) not valid;",
        },
      ],
      [],
    ],
  ];
  it.each(cases)("verify tries an up that rejects the fixtures without them: %s", async (_, migrations, empty) => {
    const { folder } = migrationsOf(nullable, ...migrations);
    const proofs = await verify({ server: server(), folder });
    expect(proofs.map(({ outcome, reasons }) => ({ outcome, reasons }))).toEqual(
      proofs.map(() => ({ outcome: "verified", reasons: [] })),
    );
    expect(proofs).toHaveLength(1 + migrations.length);
    expect(proofs.at(-1)?.empty).toEqual(
      empty.map(({ table, reason }) => ({ table, reason: expect.stringMatching(reason) })),
    );
  });

  it("verify uses the rows of an earlier .rows.sql", async () => {
    const next = {
      tag: "0001_b",
      up: "alter table a alter name set not null;",
      down: "alter table a alter name drop not null; delete from a where name = 'given';",
    };
    const { folder } = migrationsOf(nullable, next);
    writeFileSync(`${folder}/0000_a.rows.sql`, "insert into a values (-1, 'given');");
    expect((await verify({ server: server(), folder, steps: 1 })).at(-1)).toMatchObject({
      outcome: "failed",
      reasons: [expect.stringMatching(/1 of 1 rows of public\.a are gone or changed: .*given/)],
    });
  });

  it("verify fails an up that also fails on empty tables", async () => {
    const broken = { tag: "0001_b", up: "do $$ begin raise exception 'never'; end $$;", down: "select 1;" };
    expect(await finding(nullable, broken)).toMatchObject({
      outcome: "failed",
      reasons: [expect.stringContaining("never")],
    });
  });
});

it("verify reports the reason of an irreversible migration, and verifies the later ones", async () => {
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
  expect(proofs.map(({ outcome }) => outcome)).toEqual(["verified", "irreversible", "verified"]);
  expect(proofs[1]?.reasons).toEqual(["nobody knows which were upper case"]);
});

it("verify tries the migrations after a failed one on a new database, and reports every failure", async () => {
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
    onResult: ({ tag, outcome }) => told.push(`${tag} ${outcome}`),
  });
  expect(proofs.map(({ tag, outcome }) => `${tag} ${outcome}`)).toEqual([
    "0000_a verified",
    "0001_b failed",
    "0002_c verified",
    "0003_d failed",
  ]);
  expect(told).toEqual(proofs.map(({ tag, outcome }) => `${tag} ${outcome}`));
});

it("verify does not try the migrations after an up that fails", async () => {
  const { folder } = migrationsOf(
    a,
    { tag: "0001_b", up: "create table a (id int);", down: "select 1;" },
    { tag: "0002_c", up: "select 1;", down: "select 1;" },
  );
  const proofs = await verify({ server: server(), folder });
  expect(proofs.map(({ outcome }) => outcome)).toEqual(["verified", "failed", "not tried"]);
  expect(proofs[1]?.reasons[0]).toMatch(/0001_b\.sql:1:1: relation "a" already exists/);
});

it("verify tries only the newest migrations with steps", async () => {
  const { folder } = migrationsOf(
    { ...a, down: "select 1;" },
    { tag: "0001_b", up: "create table b (id int);", down: "drop table b;" },
  );
  expect(await verify({ server: server(), folder, steps: 1 })).toMatchObject([{ tag: "0001_b", outcome: "verified" }]);
});

it("verify reports tables without fixtures, and uses the rows of .rows.sql", async () => {
  const odd = {
    tag: "0000_odd",
    up: "create function odd(text) returns boolean immutable language sql as $$ select md5($1) = md5('a secret word') $$;\ncreate table odd (word text not null check (odd(word)));",
    down: "drop table odd; drop function odd(text);",
  };
  const { folder } = migrationsOf(odd);
  const [without] = await verify({ server: server(), folder });
  expect(without).toMatchObject({
    outcome: "verified",
    empty: [{ table: "public.odd", reason: expect.stringContaining("odd_word_check") }],
  });
  writeFileSync(`${folder}/0000_odd.rows.sql`, "insert into odd values ('a secret word');");
  expect(await verify({ server: server(), folder })).toMatchObject([{ outcome: "verified", empty: [] }]);
});

it("verify accepts a migration without a transaction", async () => {
  const index = {
    tag: "0001_index",
    up: "-- migrate: no-transaction\ncreate index concurrently i on a (name);",
    down: "-- migrate: no-transaction\ndrop index concurrently i;",
  };
  expect(await finding(a, index)).toMatchObject({ outcome: "verified", reasons: [] });
});

describe("the audit trail is compared with every changed column", () => {
  /** Returns the result for a migration after this project's own. */
  async function own(up: string, down: string) {
    const folder = mkdtempSync(join(tmpdir(), "aeturnis-migrations-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    cpSync(migrationsFolder, folder, { recursive: true });
    const file = join(folder, "meta/_journal.json");
    const journal = JSON.parse(readFileSync(file, "utf8"));
    const last = journal.entries.at(-1);
    journal.entries.push({ ...last, idx: last.idx + 1, when: last.when + 1000, tag: "9999_last" });
    writeFileSync(file, JSON.stringify(journal));
    writeFileSync(join(folder, "9999_last.sql"), up);
    writeFileSync(join(folder, "9999_last.down.sql"), down);
    return (await verify({ server: server(), folder, steps: 1 })).at(-1);
  }

  it("verify accepts new audited columns of any type", async () => {
    const up = `
      alter table users add column country text, add column place point, add column api_key text;
      alter table user_sessions add column document json not null default '{}'`;
    const down = `
      alter table user_sessions drop column document;
      alter table users drop column country, drop column place, drop column api_key`;
    expect(await own(up, down)).toMatchObject({ outcome: "verified", reasons: [] });
  });

  it("verify reports each column that a recorder misses", async () => {
    const up = ["users", "user_security", "user_sessions"]
      .map(
        (table) => `do $do$ begin
          execute replace(pg_get_functiondef('record_change_of_${table}'::regproc), $$if tg_op = 'UPDATE' then$$, $$if tg_op = 'UPDATE' then return null; elsif false then$$);
        end $do$;`,
      )
      .join("\n");
    const found = await own(up, "select refresh_change_recorders();");
    expect(found?.outcome).toBe("failed");
    const missed = found?.reasons.map((reason) =>
      reason.replace(/^the audit trail of public\.(\w+) does not say that (\w+) changed$/, "$1.$2"),
    );
    expect(missed?.sort()).toEqual(
      [
        // Not the id of a user, which other rows refer to, and not a column that needs another one: pending_secret, revocation_reason.
        ..."email username password_hash email_verified email_verification_token status role created_at deleted_at metadata"
          .split(" ")
          .map((name) => `users.${name}`),
        ..."locked_until two_factor_enabled two_factor_secret recovery_codes password_changed_at must_change_password failing_since code_locked_until"
          .split(" ")
          .map((name) => `user_security.${name}`),
        ..."id ip_address user_agent expires_at created_at revoked_at authenticated_at factors replayed_at device_id failures"
          .split(" ")
          .map((name) => `user_sessions.${name}`),
      ].sort(),
    );
  });

  it("verify reports a recorder that writes another value than the table has", async () => {
    const up = `do $do$ begin
      execute replace(pg_get_functiondef('record_change_of_users'::regproc),
        'jsonb_build_array(to_jsonb(before.role)', 'jsonb_build_array(to_jsonb(after.role)');
    end $do$`;
    expect(await own(up, "select refresh_change_recorders();")).toMatchObject({
      outcome: "failed",
      reasons: ["the audit trail of public.users has another value of role than the table"],
    });
  });
});
