import { describe, expect, it } from "vitest";
import { status } from "../../src/migrator/commands/status.ts";
import { up } from "../../src/migrator/commands/up.ts";
import { DriftError, StatementError } from "../../src/migrator/errors.ts";
import { logEvents } from "../../src/migrator/event-log.ts";
import { readableLog } from "../support/log.ts";
import { emptyDatabase, migrationsOf } from "../support/migrations.ts";

const a = { tag: "0000_a", up: "create table a (id int);", down: "drop table a;" };
const b = { tag: "0001_b", up: "create table b (id int);", down: "drop table b;" };
const c = { tag: "0002_c", up: "create table c (id int);", down: "drop table c;" };

const states = async (options: Parameters<typeof status>[0]) =>
  (await status(options)).migrations.map(({ tag, state }) => `${tag} ${state}`);

describe("up", () => {
  it("up applies pending migrations in order, and then finds nothing to do", async () => {
    const { sql, target } = await emptyDatabase();
    const { folder } = migrationsOf(a, b);
    const first = await up({ target, folder });
    expect(first).toEqual({
      results: [
        { tag: "0000_a", outcome: "applied", duration: expect.any(Number) },
        { tag: "0001_b", outcome: "applied", duration: expect.any(Number) },
      ],
    });
    expect(await sql`select to_regclass('a')::text as a, to_regclass('b')::text as b`).toEqual([{ a: "a", b: "b" }]);
    expect(await up({ target, folder })).toEqual({ results: [] });
  });

  it("up applies migrations up to a tag, a number of steps, or none in a dry run", async () => {
    const { target } = await emptyDatabase();
    const { folder } = migrationsOf(a, b, c);
    expect((await up({ target, folder, dryRun: true })).results.map(({ outcome }) => outcome)).toEqual([
      "pending",
      "pending",
      "pending",
    ]);
    expect(await states({ target, folder })).toEqual(["0000_a pending", "0001_b pending", "0002_c pending"]);
    await up({ target, folder, to: "0000_a" });
    expect(await states({ target, folder })).toEqual(["0000_a applied", "0001_b pending", "0002_c pending"]);
    await up({ target, folder, steps: 1 });
    expect(await states({ target, folder })).toEqual(["0000_a applied", "0001_b applied", "0002_c pending"]);
    await expect(up({ target, folder, to: "0009_z" })).rejects.toThrow(
      /There is no migration 0009_z; there are: 0000_a, 0001_b/,
    );
  });

  it("up rolls a failed migration back, keeps earlier ones, and reports the place and the error", async () => {
    const { sql, target } = await emptyDatabase();
    const broken = {
      tag: "0001_broken",
      up: `create table whole (id int);\n--> statement-breakpoint\n-- a comment\ncreate table é (\n  id int,\n  naïve wrong_type\n);`,
    };
    const { folder } = migrationsOf(a, broken, c);
    const { results, error } = await up({ target, folder });
    expect(results.map(({ tag, outcome }) => `${tag} ${outcome}`)).toEqual([
      "0000_a applied",
      "0001_broken failed",
      "0002_c pending",
    ]);
    expect(error).toBeInstanceOf(StatementError);
    expect(error).toMatchObject({
      tag: "0001_broken",
      sqlstate: "42704",
      place: { line: 6, column: 9, text: "  naïve wrong_type" },
    });
    expect(error?.message).toBe(
      [
        `${folder}/0001_broken.sql:6:9: type "wrong_type" does not exist (42704)`,
        "  6 |   naïve wrong_type",
        "              ^",
        "State of the database: it is at 0000_a; 0001_broken was rolled back completely.",
      ].join("\n"),
    );
    expect(await sql`select to_regclass('whole') as whole`).toEqual([{ whole: null }]);
    expect(await states({ target, folder })).toEqual(["0000_a applied", "0001_broken pending", "0002_c pending"]);
  });

  it("up reports the line of a failed statement for which PostgreSQL reports no position", async () => {
    const { target } = await emptyDatabase();
    const up2 =
      "create table a (id int);\ncreate function f() returns int language sql as $$ select 1; $$;\n\n/* again */\ncreate table a (id int);\n";
    const { folder } = migrationsOf({ tag: "0000_twice", up: up2 });
    const { error } = await up({ target, folder });
    expect(error).toMatchObject({ sqlstate: "42P07", place: { line: 5, column: 1, text: "create table a (id int);" } });
  });

  it("a failed migration is logged as an error with the fields of its place", async () => {
    const { target } = await emptyDatabase();
    const { log, lines } = readableLog("info");
    const { folder } = migrationsOf({ tag: "0000_broken", up: "select 1;\nselect nothing;" });
    await up({ target, folder, onEvent: logEvents(log) });
    expect(lines.at(-1)).toMatchObject({
      level: "error",
      msg: "migration failed",
      tag: "0000_broken",
      outcome: "failed",
      error: {
        message: expect.stringMatching(/column "nothing" does not exist \(42703\)$/),
        sqlstate: "42703",
        file: `${folder}/0000_broken.sql`,
        line: 2,
        column: 8,
      },
    });
  });

  it("the error of a migration contains detail, hint, and the call stack in a function", async () => {
    const { target } = await emptyDatabase();
    const raise = "do $$ begin raise exception 'no' using detail = 'the detail', hint = 'the hint'; end $$;";
    const { error } = await up({ target, folder: migrationsOf({ tag: "0000_raise", up: raise }).folder });
    expect(error?.message).toMatch(
      /:1:1: no \(P0001\)[\s\S]*detail: the detail\n +hint: the hint\n +where: PL\/pgSQL function inline_code_block line 1/,
    );
  });

  it("the error of a deferred constraint contains its place and detail", async () => {
    const { target } = await emptyDatabase();
    const { folder } = migrationsOf({
      tag: "0000_deferred",
      up: "create table a (id int primary key, up int references a deferrable initially deferred);\n\ninsert into a values (1, 2);",
    });
    expect((await up({ target, folder })).error?.message).toMatch(
      /0000_deferred\.sql:3:1: insert or update on table "a" violates foreign key constraint "a_up_fkey" \(23503\)[\s\S]*detail: Key \(up\)=\(2\)/,
    );
  });

  it("up refuses statements that end the transaction, except in the body of a procedure", async () => {
    const { sql, target } = await emptyDatabase();
    const { folder } = migrationsOf({
      tag: "0000_commit",
      up: "create table a (id int);\n commit;\ncreate table b (id int);",
    });
    const { error } = await up({ target, folder });
    expect(error?.message).toMatch(
      /0000_commit\.sql:2:2: commit\nA migration runs in a transaction of its own, and must not begin or end one/,
    );
    expect(await sql`select to_regclass('a') as a`).toEqual([{ a: null }]);
    const outside = { tag: "0000_outside", up: "-- migrate: no-transaction\nselect 1;\nbegin;" };
    expect((await up({ target, folder: migrationsOf(outside).folder })).error?.message).toMatch(
      /0000_outside\.sql:3:1: begin\nA migration without a transaction commits every statement by itself, and must not begin or end one\. Remove the statement\.$/m,
    );
    const procedure = "create procedure p() language plpgsql as $$ begin commit; end; $$;";
    expect((await up({ target, folder: migrationsOf({ tag: "0000_p", up: procedure }).folder })).error).toBeUndefined();
  });

  it("up refuses COPY FROM STDIN and COPY TO STDOUT, which need a client", async () => {
    const { target } = await emptyDatabase();
    for (const copy of ["create table a (id int);\ncopy a from stdin;", "copy (select 1) to stdout;"]) {
      const { error } = await up({ target, folder: migrationsOf({ tag: "0000_copy", up: copy }).folder });
      expect(error?.message).toMatch(/A migration has no client to COPY from or to\. Use insert\./);
    }
  });

  it("up finds COMMIT and COPY in a file that is too large for the parser, and ignores them in its data", async () => {
    const { target, sql } = await emptyDatabase();
    const rows = Array.from({ length: 20_000 }, () => "('; commit; copy a from stdin; it''s \\'), (e'\\'; end')").join(
      ",\n",
    );
    const load = `create table a (t text);\n/* ; begin; /* */ ; end; */\ninsert into a values ${rows};`;
    for (const [more, expected] of [
      ["\n commit;\nselect 1;", /0000_load\.sql:20003:2: commit\nA migration runs in a transaction/],
      ["\nrollback;", /0000_load\.sql:20003:1: rollback\n/],
      ["\ncopy a from stdin;", /0000_load\.sql:20003:1: copy a from stdin\nA migration has no client/],
    ] as const) {
      const { folder } = migrationsOf({ tag: "0000_load", up: load + more });
      expect((await up({ target, folder })).error?.message).toMatch(expected);
    }
    expect((await up({ target, folder: migrationsOf({ tag: "0000_load", up: load }).folder })).error).toBeUndefined();
    expect(await sql`select count(*)::int as n from a`).toEqual([{ n: 40_000 }]);
  });

  it("up splits statements with dollar quotes, SQL function bodies, backslashes and nested comments as PostgreSQL does", async () => {
    const { target, sql } = await emptyDatabase();
    const odd = [
      "create function f() returns int begin atomic select 1; select 2; end;",
      "select e'it\\'s; one', 'x''y;', $a$ $b$ ; $b$ $a$ /* ; /* ; */ ; */;",
      'create table "semi;colon" (id int);',
      "select 'the ü that counts in bytes';",
      "create table last (id int, foreign key (id) references nowhere);",
    ];
    const { folder } = migrationsOf({ tag: "0000_odd", up: odd.join("\n") });
    const { error } = await up({ target, folder });
    expect(error).toMatchObject({ sqlstate: "42P01", place: { line: 5, column: 1 } });
    expect(
      (await up({ target, folder: migrationsOf({ tag: "0000_odd", up: odd.slice(0, 4).join("\n") }).folder })).error,
    ).toBeUndefined();
    expect(await sql`select f() as f`).toEqual([{ f: 2 }]);
  });

  it("up supports nested comments, and refuses an unterminated one", async () => {
    const { target, sql } = await emptyDatabase();
    const { folder } = migrationsOf({
      tag: "0000_nested",
      up: "/* one /* two */ still one */\ncreate table a (id int);\n--> statement-breakpoint\n/* /**/ */ -- and\n/* nothing */",
    });
    expect((await up({ target, folder })).error).toBeUndefined();
    expect(await sql`select to_regclass('a')::text as a`).toEqual([{ a: "a" }]);
    const { folder: open } = migrationsOf({
      tag: "0001_open",
      when: Date.now(),
      up: "/* without an /* end */\ncreate table b (id int);",
    });
    expect((await up({ target, folder: open, allowDrift: true })).error?.message).toMatch(/unterminated \/\* comment/);
  });

  it("the error of a migration counts columns in characters, and contains the query of a function", async () => {
    const { target } = await emptyDatabase();
    const { folder } = migrationsOf({ tag: "0000_wide", up: "select '😀😀' as \"😀\", wrong;" });
    const { error } = await up({ target, folder });
    expect(error).toMatchObject({ place: { line: 1, column: 21 } });
    expect(error?.message).toContain(`\n  1 | select '😀😀' as "😀", wrong;\n  ${" ".repeat(4 + 20)}^\n`);
    const execute = "do $$ begin execute 'select nothing from nowhere'; end $$;";
    expect((await up({ target, folder: migrationsOf({ tag: "0000_do", up: execute }).folder })).error?.message).toMatch(
      /query: select nothing from nowhere\n +where: /,
    );
  });

  it("up accepts empty files, files of comments, several statements between breakpoints, and CR LF", async () => {
    const { target } = await emptyDatabase();
    const { folder } = migrationsOf(
      { tag: "0000_empty", up: "" },
      { tag: "0001_comment", up: "-- nothing to do\n--> statement-breakpoint\n/* nor here */" },
      {
        tag: "0002_several",
        up: "create table a (id int);\r\n\r\ncreate table b (id int);\r\n--> statement-breakpoint\r\ncreate table c (id int)",
      },
    );
    expect((await up({ target, folder })).error).toBeUndefined();
    expect((await status({ target, folder })).verdict).toBe("current");
  });
});

describe("drift", () => {
  it("an edited migration stops up with the remedy, and a change of line endings does not", async () => {
    const { target } = await emptyDatabase();
    const { folder, write } = migrationsOf({ ...a, up: "create table a (\n  id int\n);" });
    await up({ target, folder });
    write({ ...a, up: "create table a (\r\n  id int\r\n);" });
    expect((await status({ target, folder })).verdict).toBe("current");

    write({ ...a, up: "create table a (id bigint);" }, b);
    expect(await states({ target, folder })).toEqual(["0000_a edited", "0001_b pending"]);
    const { results, error } = await up({ target, folder });
    expect(error).toBeInstanceOf(DriftError);
    expect(error?.message).toMatch(
      /0000_a was edited after it was applied\. Restore .*0000_a\.sql.*migrate repair[\s\S]*--allow-drift/,
    );
    expect(results).toEqual([{ tag: "0001_b", outcome: "pending" }]);
  });

  it("a migration that drizzle-kit would skip stops up, and is applied with a warning when drift is allowed", async () => {
    const { target } = await emptyDatabase();
    const { folder, write } = migrationsOf(a, { ...b, when: Date.UTC(2026, 1) });
    await up({ target, folder });
    write(a, { ...c, tag: "0001_c", when: Date.UTC(2026, 0, 2) }, { ...b, when: Date.UTC(2026, 1) });
    expect(await states({ target, folder })).toEqual(["0000_a applied", "0001_c skipped", "0001_b applied"]);
    expect((await up({ target, folder })).error?.message).toMatch(
      /0001_c is older than the newest applied migration, so drizzle-kit would never apply it/,
    );
    const warnings: string[] = [];
    const allowed = await up({
      target,
      folder,
      allowDrift: true,
      onEvent: (event) => event.type === "warning" && warnings.push(event.message),
    });
    expect(allowed.results).toMatchObject([{ tag: "0001_c", outcome: "applied" }]);
    expect(warnings).toEqual([expect.stringContaining("drift allowed: 0001_c is older")]);
    expect((await status({ target, folder })).verdict).toBe("current");
  });

  it("an applied migration that the folder lacks stops up", async () => {
    const { target } = await emptyDatabase();
    const { folder, write } = migrationsOf(a, b);
    await up({ target, folder });
    write(a);
    expect(await states({ target, folder })).toEqual(["0000_a applied", "(recorded 2026-01-01T00:00:00.010Z) unknown"]);
    const { error, results } = await up({ target, folder });
    expect(error?.message).toMatch(
      /was applied, but the folder does not contain it: the folder is older than the database/,
    );
    expect(results).toEqual([]);
  });

  it.each([
    ["an invalid journal", "meta/_journal.json", "{}", /is not a journal/],
    [
      "an unknown directive",
      "0000_a.sql",
      "-- migrate: no-transction\nselect 1;",
      /0000_a\.sql:1: unknown directive "no-transction"/,
    ],
    [
      "an irreversible directive without a reason",
      "0000_a.down.sql",
      "-- migrate: irreversible\n",
      /the reason is missing/,
    ],
  ])("up refuses %s before it connects", async (_, file, text, message) => {
    const { folder } = migrationsOf(a);
    const { writeFileSync } = await import("node:fs");
    writeFileSync(`${folder}/${file}`, text);
    // No server listens there, so that a connection would fail with another error.
    await expect(up({ target: { url: "postgres://nobody@127.0.0.1:1/none" }, folder })).rejects.toThrow(message);
  });

  it("up refuses a journal that names a missing file, or the same time twice", async () => {
    const { folder } = migrationsOf(a, { ...b, when: Date.UTC(2026, 0, 1) });
    const { rmSync } = await import("node:fs");
    rmSync(`${folder}/0000_a.sql`);
    await expect(up({ target: { url: "postgres://nobody@127.0.0.1:1/none" }, folder })).rejects.toThrow(
      /0000_a\.sql does not exist, but the journal names it/,
    );
    const twins = migrationsOf(a, { ...b, when: Date.UTC(2026, 0, 1) });
    await expect(up({ target: { url: "postgres://nobody@127.0.0.1:1/none" }, folder: twins.folder })).rejects.toThrow(
      /0000_a and 0001_b have the same "when"/,
    );
  });
});
