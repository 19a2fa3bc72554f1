import fc from "fast-check";
import { scan } from "libpg-query";
import type { Sql } from "postgres";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readScript } from "../../src/migrator/journal/script.ts";
import { parse } from "../../src/migrator/sql/grammar.ts";
import { tokenize } from "../../src/migrator/sql/lexer.ts";
import { createDatabase, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase({ empty: true });
  await database.sql`create table t (begin int)`;
});
afterAll(() => database.drop());

const comments = [
  "-- c;\n",
  "-- ';\r",
  "--\r",
  "-- $$ \r\n",
  "--> x;\n",
  "/* ; */",
  "/* ' /* ; */ -- */",
  "/*/**/;*/",
  "/* \r; **/",
  "--\u2028;\n",
];
const blanks = [" ", "\n", "\r", "\t", "\f", "\r\n", " "];
const values = [
  "1",
  "-1",
  "(2)",
  "(select 3)",
  "array[1,2]",
  "(array[1,2,3])[1:2]",
  "'a'",
  "''''",
  "'it''s;'",
  "'\\'",
  "'--'",
  "'/*'",
  "'\r;'",
  "'\u00a0;é😀'",
  "E'\\'; '",
  "e'\\\\'",
  "E''';'",
  "'a'\n'b;'",
  "'a' -- c;'\n'b'",
  "'a'\r--\r'\\'",
  "E'a'\n'\\'; '",
  "E'a' -- ' \r 'b\\';'",
  "U&'\\0041;'",
  "u&'a'';'\n'\\0042'",
  "n'x;'",
  "b'1'",
  "x'1F'\n'A'",
  "$$;$$",
  "$$'$a$;$$",
  "$é$;$$;$é$",
  "$a$ $b$ ; $b$ $a$",
  "$_1$'$_1$",
  "$A$ $a$; $A$",
  "'{}'::text",
  "1::int4",
  "case when true then 1 end",
];
const sums = ["1*/*;*/2", "1+--;\n2", "1<--;\r2", "3- -1", "1-/*;*/1", "@-/*;*/1", "2*--*/;\r3"];
const operators = ["||", " || ", "||--;\n", "|| -- ;'\r", "||/*;*/", "||/*'/* ; */*/"];
const names = [
  'as "a;"',
  'as "x"";"',
  'as U&"\\0061;"',
  "as a$$b",
  "as é$1",
  "as e",
  'as "--"',
  "as \u00e9",
  'as "$$"',
  "end",
];
const completeStatements = [
  "create or replace function pg_temp.f() returns int language sql begin atomic select 1; select case when true then 2 end; end",
  "create or replace function pg_temp.g() returns int begin atomic select 1 as end; select 2 end; /* end; */ end",
  "create or replace procedure pg_temp.p() begin atomic end",
  "do $$ begin -- ;'\r null; end $$",
  "create or replace function pg_temp.h() returns text language sql as 'select ''; begin atomic''::text'",
  "create or replace rule r as on delete to t do also (insert into t values (1); insert into t values (2))",
];
const noise = ["'", '"', "$$", "$a$", "/*", "*/", "--", "\n", "\r", ";", "E'", "\\", "a", "$1", "(", ")", "U&'", "1"];

const gap = fc
  .array(fc.constantFrom(...blanks, ...comments), { minLength: 0, maxLength: 3 })
  .map((parts) => ` ${parts.join("")}${parts.at(-1)?.startsWith("--") ? "" : " "}`);
const select = fc
  .array(
    fc.tuple(
      fc.constantFrom(...values, ...sums),
      fc.option(fc.tuple(fc.constantFrom(...operators), fc.constantFrom(...values)), { freq: 4 }),
      fc.option(fc.constantFrom(...names)),
      gap,
    ),
    { minLength: 1, maxLength: 3 },
  )
  .map((columns) => {
    const parts = columns.map(
      ([value, more, name, space]) =>
        `${more === null ? value : `(${value})::text${more.join("")}::text`}${space}${name ?? ""}`,
    );
    return `select ${parts.join(",")}`;
  });
const statement = fc.oneof(
  { weight: 6, arbitrary: select },
  { weight: 1, arbitrary: fc.constantFrom(...completeStatements) },
);
const script = fc
  .array(fc.tuple(gap, statement, gap, fc.constantFrom(";", ";", ";;", "; ;")), { minLength: 1, maxLength: 4 })
  .map((all) => all.flat().join(""));
const nonsense = fc
  .array(fc.constantFrom(...noise, ...values, ...comments, ...blanks, "select "), { maxLength: 12 })
  .map((parts) => parts.join(""));

/** The column names and rows of every statement; undefined when the server refuses one. */
async function results(run: () => Promise<readonly { columns?: unknown }[]>): Promise<unknown[] | undefined> {
  try {
    const all = await run();
    // For several statements in one query, the driver returns only results with columns.
    return all.flatMap((rows) =>
      rows.columns === undefined ? [] : [[(rows.columns as { name: string }[]).map(({ name }) => name), rows]],
    );
  } catch {
    return undefined;
  }
}

const atOnce = (sql: Sql, text: string) =>
  results(async () => {
    // The first and the last statement make the result a list even when the text has one statement or none.
    const all = await sql.unsafe(`select 'first';\n${text}\n; select 'last'`).simple();
    return (all as unknown as { columns?: unknown }[]).slice(1, -1);
  });

const oneByOne = (sql: Sql, statements: readonly { text: string }[]) =>
  results(async () => {
    const all: { columns?: unknown }[] = [];
    await sql.begin(async (tx) => {
      for (const { text } of statements) all.push(await tx.unsafe(text).simple());
    });
    return all;
  });

it("the statements of a script have the same results one by one as in one query", async () => {
  const sql = await database.sql.reserve();
  const accepted = { valid: 0, all: 0 };
  const check = async (text: string) => {
    const expected = await atOnce(sql, text);
    const { statements, faults } = await readScript({ file: "x.sql", sql: text, noTransaction: false });
    accepted.all += 1;
    if (expected === undefined) {
      if (faults.length === 0) expect(await oneByOne(database.sql, statements)).toBeUndefined();
      return;
    }
    accepted.valid += 1;
    expect(faults).toEqual([]);
    expect(await oneByOne(database.sql, statements)).toEqual(expected);
    const trees = await parse(text);
    if (trees !== undefined) expect(statements).toHaveLength(trees.length);
  };
  await fc.assert(fc.asyncProperty(script, check), { numRuns: 200 });
  // The server must accept enough of the generated scripts to make the comparison meaningful.
  expect(accepted.valid).toBeGreaterThan(accepted.all / 3);
  await fc.assert(fc.asyncProperty(nonsense, check), { numRuns: 200 });
  sql.release();
});

it("the lexer finds comments at the same offsets as PostgreSQL's scanner", async () => {
  const property = fc.asyncProperty(fc.oneof(nonsense, script), async (text) => {
    const tokens = [...tokenize(text)];
    const found = await scan(text).then(
      (result) => result.tokens,
      () => undefined,
    );
    // The scanner returns invalid JSON for an unterminated text.
    if (found === undefined) return;
    // The scanner, unlike the server, does not accept comments between the parts of a continued string.
    if (tokens.some(({ kind, start, end }) => kind === "string" && /'\s*--/.test(text.slice(start, end)))) return;
    const bytes = Buffer.from(text);
    const offset = (at: number) => bytes.subarray(0, at).toString().length;
    expect(tokens.filter(({ kind }) => kind.endsWith("comment")).map(({ start, end }) => [start, end])).toEqual(
      found
        .filter(({ tokenName }) => tokenName.endsWith("COMMENT"))
        .map(({ start, end }) => [offset(start), offset(end)]),
    );
    expect(tokens.every(({ terminated }) => terminated)).toBe(true);
  });
  await fc.assert(property, { numRuns: 500 });
});
