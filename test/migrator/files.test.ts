import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkFolder } from "../../src/migrator/commands/check.ts";
import { down, redo } from "../../src/migrator/commands/down.ts";
import { plan } from "../../src/migrator/commands/plan.ts";
import { up } from "../../src/migrator/commands/up.ts";
import { verify } from "../../src/migrator/commands/verify.ts";
import { decodeFile } from "../../src/migrator/journal/file-text.ts";
import { readScript } from "../../src/migrator/journal/script.ts";
import { emptyDatabase, migrationsOf } from "../support/migrations.ts";

const a = { tag: "0000_a", up: "create table a (id int);", down: "drop table a;" };
/** No server listens there: a command that connects would fail with another error. */
const unreachable = { url: "postgres://nobody@127.0.0.1:1/none" };
const utf16 = (text: string) => Buffer.from(text, "utf16le");
const latin1 = (text: string) => Buffer.from(text, "latin1");

/** The faults of one script. */
const faultsOf = async (sql: string, noTransaction = false) =>
  (await readScript({ file: "x.sql", sql, noTransaction })).faults;

describe("a file's bytes", () => {
  it.each([
    ["a NUL byte", Buffer.from("create table a(id int);\n-- é\0\ncreate table b(id int);"), /:2:5: a NUL byte/],
    ["a NUL byte in a string", Buffer.from("select 'a\0b';"), /:1:10: a NUL byte/],
    ["a NUL byte after a line that ends with CR", Buffer.from("select 1;\rselect 2;\0"), /:2:10: a NUL byte/],
    [
      "Latin-1",
      latin1("create table a(t text);\ninsert into a values ('M\xfcller');"),
      /:2:25: the byte 0xfc is not UTF-8\. If it should be "ü", the file is Latin-1 \(Windows-1252\): iconv/,
    ],
    ["Latin-1 at its end", latin1("-- caf\xe9"), /:1:7: the byte 0xe9 is not UTF-8/],
    [
      "Windows-1252",
      latin1("-- \x80"),
      /:1:4: the byte 0x80 is not UTF-8\. If the file is Latin-1 \(Windows-1252\): iconv/,
    ],
    ["half of a surrogate pair", Buffer.from("2d2d20eda080", "hex"), /:1:4: the byte 0xed is not UTF-8/],
    ["UTF-16 with its mark", utf16("\ufeffselect 1;"), /:1:1: the file is UTF-16 and not UTF-8 \(PowerShell/],
    ["UTF-16 of the other order", utf16("\ufeffselect 1;").swap16(), /:1:1: the file is UTF-16 and not UTF-8/],
    [
      "UTF-16 without a mark",
      utf16("select 1;\nselect 2;"),
      /:1:1: the file is UTF-16 and not UTF-8\. .*iconv -f UTF-16LE/,
    ],
    ["UTF-32", Buffer.concat([Buffer.from("fffe0000", "hex"), utf16("x\0")]), /:1:1: the file is UTF-32 and not UTF-8/],
    ["gzip", Buffer.from("1f8b0800", "hex"), /:1:1: the file is compressed with gzip\. Unpack it with gunzip/],
    [
      "a pg_dump archive",
      Buffer.from("PGDMP\x01"),
      /:1:1: the file is a pg_dump archive\. Convert it to SQL: pg_restore/,
    ],
  ])("every command refuses %s in a file, with its place, before it connects", async (_, bytes, expected) => {
    for (const file of [
      "0000_a.sql",
      "0000_a.down.sql",
      "0000_a.rows.sql",
      "meta/_journal.json",
      "meta/0000_snapshot.json",
    ]) {
      const { folder } = migrationsOf(a);
      writeFileSync(join(folder, file), bytes);
      const fault = expect.stringMatching(new RegExp(file.replaceAll(".", "\\.") + expected.source));
      expect(await checkFolder(folder)).toContainEqual(fault);
      const options = { target: unreachable, folder };
      for (const command of [
        up(options),
        down(options),
        redo(options),
        plan(options),
        verify({ server: unreachable, folder }),
      ])
        await expect(command).rejects.toMatchObject({ faults: expect.arrayContaining([fault]) });
    }
  });

  it("a file is decoded without loss except for a leading byte order mark, or refused", () => {
    const bytes = fc
      .array(
        fc.oneof(
          fc.constantFrom("select 1;", "\r", "\n", "é", "😀", "\ufffd", "\ufeff").map((text) => Buffer.from(text)),
          {
            weight: 1,
            arbitrary: fc.constantFrom(0, 0x0d, 0x80, 0xc3, 0xe9, 0xff, 0xfe, 0xed).map((byte) => Buffer.of(byte)),
          },
        ),
        { maxLength: 8 },
      )
      .map((parts) => Buffer.concat(parts));
    fc.assert(
      fc.property(bytes, (all) => {
        const read = decodeFile(all, "x.sql");
        const isText = Buffer.from(all.toString()).equals(all) && !all.includes(0);
        expect("text" in read).toBe(isText);
        if ("text" in read) expect(Buffer.from(read.mark + read.text)).toEqual(all);
        else expect(read.fault).toMatch(/^x\.sql:\d+:\d+: /);
      }),
      { numRuns: 500 },
    );
  });

  it("a leading byte order mark is removed from the SQL, as in psql, and included in the hash, as in drizzle-kit", async () => {
    const { sql, target } = await emptyDatabase();
    const text = "\ufeff-- migrate: no-transaction\ncreate table a (id int);";
    const { folder, write } = migrationsOf({ ...a, up: text });
    expect(await checkFolder(folder)).toEqual([]);
    expect((await up({ target, folder })).error).toBeUndefined();
    const hash = createHash("sha256").update(text).digest("hex");
    expect(await sql`select hash from drizzle.__drizzle_migrations`).toEqual([{ hash }]);
    write({ ...a, up: text.slice(1) });
    expect(await up({ target, folder })).toEqual({ results: [] });
    expect(await faultsOf("select 1;\n\ufeffselect 2;")).toEqual([
      "x.sql:2:1: U+FEFF (byte order mark in the middle of a file) is a letter to PostgreSQL. Replace it with a space, or remove it.",
    ]);
  });

  it("a byte order mark in the journal is refused, because drizzle-kit cannot parse it", async () => {
    const { folder } = migrationsOf(a);
    writeFileSync(join(folder, "meta/_journal.json"), '\ufeff{"entries":[]}');
    expect(await checkFolder(folder)).toEqual([expect.stringMatching(/_journal\.json:1:1: a byte order mark/)]);
  });
});

describe("line endings", () => {
  it.each([
    ["CR", "-- a comment\rcreate table a(id int);\rcreate table b(id int);\r"],
    ["CR after a comment only", "-- a comment\rcreate table a(id int);\ncreate table b(id int);\n"],
    ["CR after a comment at the end of a line", "create table a(id int) -- one\r;create table b(id int); -- two\r"],
    ["CR after a directive", "-- migrate: no-transaction\rcreate table a(id int);\rcreate table b(id int);"],
    ["CR LF", "-- a comment\r\ncreate table a(id int);\r\n--> statement-breakpoint\r\ncreate table b(id int);"],
    ["CR around a breakpoint", "create table a(id int);\r--> statement-breakpoint\rcreate table b(id int);"],
  ])("every statement of a file with %s is executed", async (_, text) => {
    const { sql, target } = await emptyDatabase();
    const { folder } = migrationsOf({ ...a, up: text });
    expect((await up({ target, folder })).error).toBeUndefined();
    expect(await sql`select to_regclass('a')::text as a, to_regclass('b')::text as b`).toEqual([{ a: "a", b: "b" }]);
  });

  it("CR ends a line in messages, directives and lint exceptions", async () => {
    expect(await faultsOf("select 1;\r\rcommit;\r")).toEqual([expect.stringMatching(/^x\.sql:3:1: commit\n/)]);
    expect(await faultsOf("-- One.\r-- migrate: no-transaction\rselect 1;")).toEqual([
      'x.sql:2: "-- migrate: no-transaction" must be the first line of the file',
    ]);
    expect(await faultsOf("/* x */ -- migrate: no-transaction\nselect 1;")).toEqual([
      'x.sql:1: "-- migrate: no-transaction" must be the first line of the file',
    ]);
    const { folder } = migrationsOf({
      ...a,
      up: "-- migrate-ignore truncate nobody\rtruncate a;",
      down: "-- migrate: irreversible no\rselect 1;",
    });
    expect(await checkFolder(folder)).toEqual([]);
  });
});

describe("psql syntax", () => {
  it.each([
    ["\\restrict abc\nselect 1;", /^x\.sql:1:1: \\restrict is a command of psql and not SQL\. pg_dump writes it/],
    ["select 1;\n\\connect base", /^x\.sql:2:1: \\connect is a command .* DATABASE_URL names: remove the line/],
    ["\\set name 'it''s", /^x\.sql:1:1: \\set is a command .* write the value itself/],
    ["\\copy a from 'x.csv'", /^x\.sql:1:1: \\copy is a command .* use INSERT/],
    ["select 'select 1' \\gexec", /^x\.sql:1:19: \\gexec is a command .* semicolon/],
    ["-- migrate: x\\y\nselect 1;\n  \\i b.sql", /^x\.sql:3:3: \\i is a command .* text of that file here/],
    ["select 1 \\; select 2;", /^x\.sql:1:10: \\; is a command/],
    [
      "copy a from stdin;\n1\tit's\n\\.\n",
      /^x\.sql:1:1: copy a from stdin\nA migration has no client .*pg_dump --inserts/,
    ],
    [
      "COPY /* it */ a (id)\n FROM -- that\r STDIN WITH (format csv);\n1",
      /^x\.sql:1:1: COPY .*\nA migration has no client/,
    ],
    ["create table :name (id int);", /^x\.sql:1:14: :name is a variable of psql/],
    ["select :'name', 1;", /^x\.sql:1:8: :'name' is a variable of psql/],
    ['select * from :"table";', /^x\.sql:1:15: :"table" is a variable of psql/],
  ])("the psql syntax in %j is refused, with an explanation and the remedy", async (sql, expected) => {
    expect(await faultsOf(sql)).toEqual([expect.stringMatching(expected)]);
  });

  it.each([
    "select '\\set', E'\\\\', $$\\restrict$$, \"\\d\" -- \\i x\n;",
    "select a[1:n], a[:n], b::text from t;",
    "select json_object('a':b, c:d);",
    "do $$ begin x := y; end $$;",
    "copy a from '/tmp/stdin';",
    "select 1 as stdin; -- copy a from stdin",
  ])("%j, which only resembles psql syntax, is accepted", async (sql) => {
    expect(await faultsOf(sql)).toEqual([]);
  });
});

describe("a script that the server would read differently", () => {
  it.each([
    ["set client_encoding = 'LATIN1';", /is read and sent as UTF-8/],
    ["SET LOCAL client_encoding TO latin1;", /is read and sent as UTF-8/],
    ["set names 'win1252';", /is read and sent as UTF-8/],
    ["select pg_catalog.set_config('client_encoding', 'latin1', false);", /is read and sent as UTF-8/],
    ["set standard_conforming_strings = off;", /standard_conforming_strings on/],
    ["select\u00a01;", /^x\.sql:1:7: U\+00A0 \(no-break space\) is a letter to PostgreSQL/],
    ["select 'x", /^x\.sql:1:8: unterminated quoted string$/],
    ["create table a ();\n/* /* */", /^x\.sql:2:1: unterminated \/\* comment$/],
    ['select "x', /^x\.sql:1:8: unterminated quoted identifier$/],
    ["select $a$ $b$", /^x\.sql:1:8: unterminated dollar-quoted string$/],
  ])("%j, which the server would read differently, is refused", async (sql, expected) => {
    expect(await faultsOf(sql)).toEqual([expect.stringMatching(expected)]);
  });

  it("the settings that pg_dump writes are accepted", async () => {
    const dump =
      "SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\nSELECT pg_catalog.set_config('search_path', '', false);";
    expect(await faultsOf(dump)).toEqual([]);
  });

  it("backslashes in strings are literal even when the database sets standard_conforming_strings to off", async () => {
    const { sql, target, url } = await emptyDatabase();
    await sql.unsafe(`alter database ${new URL(url).pathname.slice(1)} set standard_conforming_strings = off`);
    for (const directive of ["", "-- migrate: no-transaction\n"]) {
      const text = `${directive}create table if not exists a (t text); insert into a values ('\\'); insert into a values (';');`;
      const { folder } = migrationsOf({ tag: "0000_a", up: text, when: directive.length });
      expect((await up({ target, folder, allowDrift: true })).error).toBeUndefined();
    }
    expect(await sql`select array_agg(t) as t from a`).toEqual([{ t: ["\\", ";", "\\", ";"] }]);
  });
});

describe("--> statement-breakpoint", () => {
  it.each([
    [
      "select 'a\n--> statement-breakpoint\nb';",
      /^x\.sql:1:8: unterminated quoted string before the "--> statement-breakpoint" in line 2\. drizzle-kit splits/,
    ],
    [
      "do $$ begin\n--> statement-breakpoint\nend $$;",
      /^x\.sql:1:4: unterminated dollar-quoted string before the "--> statement-breakpoint" in line 2/,
    ],
    [
      "/* a\r\n--> statement-breakpoint */ select 1;",
      /^x\.sql:1:1: unterminated \/\* comment before the "--> statement-breakpoint" in line 2/,
    ],
    [
      "create table a (\n--> statement-breakpoint\nid int);",
      /^x\.sql:1:16: what begins here is not closed before the "--> statement-breakpoint" in line 2/,
    ],
    [
      "-- Not a --> statement-breakpoint, but a word.\nselect 1;",
      /^x\.sql:1:10: "--> statement-breakpoint" is inside a comment\. drizzle-kit splits/,
    ],
  ])("%j is refused because of its breakpoint", async (sql, expected) => {
    expect(await faultsOf(sql)).toEqual([expect.stringMatching(expected)]);
  });

  it.each(["select 1;--> statement-breakpoint select 2;", "-- select 1;--> statement-breakpoint\nselect 1;"])(
    "%j is split at its breakpoint, as in drizzle-kit",
    async (sql) => {
      expect(await faultsOf(sql)).toEqual([]);
    },
  );
});

describe("a statement that cannot run in a transaction", () => {
  it.each([
    "create unique index concurrently i on a (id)",
    "/* x */ CREATE INDEX -- x\r CONCURRENTLY ON a (id)",
    "drop index concurrently i",
    "reindex table concurrently a",
    "reindex database",
    "vacuum",
    "vacuum (analyze) a",
    "create database b",
    "drop database b",
    "alter system set work_mem = '1MB'",
    "create tablespace t location '/x'",
    "alter table a detach partition b concurrently",
    "discard all",
  ])("%s is refused in a transaction, before the script runs", async (statement) => {
    expect(await faultsOf(`select 1;\n${statement};`)).toEqual([
      expect.stringMatching(/^x\.sql:2:\d+: .*\nPostgreSQL does not run it in a transaction.*(no-transaction|Remove)/s),
    ]);
    expect(await faultsOf(`${statement};`, true)).toEqual([]);
  });

  it.each([
    "refresh materialized view concurrently m",
    "create index on a (concurrently)",
    "alter table a detach partition b",
    "create index vacuum on a (id)",
  ])("%s is accepted in a transaction", async (statement) => {
    expect(await faultsOf(statement)).toEqual([]);
  });

  it("up and plan run no migration when a later one has a statement that cannot run in a transaction", async () => {
    const { sql, target } = await emptyDatabase();
    const { folder } = migrationsOf(a, { tag: "0001_i", up: "create index concurrently i on a (id);" });
    const expected =
      /0001_i\.sql:1:1: create index concurrently i on a \(id\)\n.*-- migrate: no-transaction[\s\S]*Nothing was done\./;
    expect((await up({ target, folder })).error?.message).toMatch(expected);
    expect((await plan({ target, folder })).error?.message).toMatch(expected);
    expect(await sql`select to_regclass('a') as a`).toEqual([{ a: null }]);
  });

  it("the server's error for a commit in a procedure or a new enum value includes the remedy", async () => {
    const mood = { tag: "0000_mood", up: "create type mood as enum ('sad'); create table a (m mood);" };
    for (const [text, expected] of [
      ["do $$ begin commit; end $$;", /\(2D000\)[\s\S]*remedy: .*-- migrate: no-transaction/],
      ["do $$ begin execute 'vacuum'; end $$;", /\(25001\)[\s\S]*remedy: Write the statement into the file itself/],
      ["select 1; set transaction isolation level serializable;", /\(25001\)[\s\S]*remedy: .*Remove the statement/],
      [
        "alter type mood add value 'new'; insert into a values ('new');",
        /\(55P04\)[\s\S]*remedy: .*migration of its own before this one, or begin this file with "-- migrate: no-transaction"/,
      ],
    ] as const) {
      const { target } = await emptyDatabase();
      const { folder } = migrationsOf(mood, { tag: "0001_b", up: text });
      expect((await up({ target, folder })).error?.message).toMatch(expected);
      if (text.startsWith("alter")) expect((await plan({ target, folder })).error?.message).toMatch(expected);
    }
  });

  it("the use of a new enum value with its type is found without a server", async () => {
    const add = "alter type mood add value 'new';\n";
    for (const use of [
      "update a set m = 'new'::mood where id = 1;",
      "alter table a alter m set default 'new'::public.mood;",
      "alter table a add column n mood default 'new';",
      "create table b (m mood default 'new');",
    ]) {
      expect(await faultsOf(add + use)).toEqual([
        expect.stringMatching(/^x\.sql:2:1: .*\nIt uses 'new'::mood, which this file adds/),
      ]);
      expect(await faultsOf(add + use, true)).toEqual([]);
      expect(await faultsOf(`create type mood as enum ();\n${add}${use}`)).toEqual([]);
    }
    expect(await faultsOf(`${add}select 'new'::text, 'sad'::mood;`)).toEqual([]);
  });
});

describe("decreasing times in the journal", () => {
  it("up applies nothing when the times in the journal decrease, and names the entry and the remedy", async () => {
    const { sql, target } = await emptyDatabase();
    const b = { tag: "0001_b", up: "create table b (id int);" };
    const { folder } = migrationsOf(
      { ...a, when: 1000 },
      { ...b, when: 3000 },
      { tag: "0002_c", up: "create table c (id int);", when: 2000 },
    );
    const { error, results } = await up({ target, folder });
    expect(error?.message).toMatch(
      /Nothing was done[\s\S]*0002_c is not later than 0001_b in the journal \("when"\).*Give 0002_c a "when" above 3000/,
    );
    expect(results.map(({ outcome }) => outcome)).toEqual(["pending", "pending", "pending"]);
    expect(await sql`select to_regclass('a') as a`).toEqual([{ a: null }]);
    expect((await up({ target, folder, allowDrift: true })).results.map(({ outcome }) => outcome)).toEqual(
      Array(3).fill("applied"),
    );
  });
});
