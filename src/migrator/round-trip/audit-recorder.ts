import type { TransactionSql } from "postgres";
import { tryStatement } from "../fixtures/connection.ts";
import { createRandom } from "../fixtures/random.ts";
import { createRowGenerator, type FixtureRow } from "../fixtures/row-generator.ts";
import { updateStatement } from "../fixtures/statements.ts";
import { createValueGenerator } from "../fixtures/value-generator.ts";
import {
  type FillableTable,
  quoted,
  quoteName,
  readFillableTables,
  type Type,
} from "../introspection/fillable-tables.ts";
import type { MigrationRun } from "../runner/migration-run.ts";

/** Values tried for one column: a value may equal the current one or violate a CHECK. */
const maxAttempts = 40;

/** By column: the value as JSON and as text. */
type Cells = Record<string, [json: unknown, text: string | null]>;

/**
 * Updates each column of one row of each audited table, and compares the audit trail with the table. All changes are
 * rolled back. A column for which no other valid value is found is skipped.
 *
 * @returns the missing and the wrong entries of the audit trail
 */
export async function findAuditGaps({ connections }: MigrationRun): Promise<string[]> {
  const gaps: string[] = [];
  const undone = new Error("undone");
  const work = connections.sql.begin(async (tx) => {
    const recorded = await readRecorded(tx);
    if (recorded.size === 0) throw undone;
    const { tables, types } = await readFillableTables(tx);
    for (const table of tables.filter(({ oid }) => recorded.has(oid)))
      gaps.push(...(await gapsOf(tx, table, { types, classes: recorded.get(table.oid) ?? {} })));
    throw undone;
  });
  await work.catch((error: unknown) => {
    if (error !== undone) throw error;
  });
  return gaps;
}

/** Returns the audit class of each column of the audited tables, by table oid. */
async function readRecorded(tx: TransactionSql): Promise<Map<string, Record<string, string>>> {
  const [found] = await tx`
    select to_regclass('public.audit_log') is not null and to_regproc('public.audit_columns') is not null as here`;
  if (found?.["here"] !== true) return new Map();
  const rows = await tx`
    select tgrelid::oid::text as oid, (select json_object_agg(name, class) from public.audit_columns(tgrelid))::text as classes
    from pg_trigger where tgname = 'record_update' and not tgisinternal`;
  return new Map(rows.map((row) => [String(row["oid"]), JSON.parse(String(row["classes"]))]));
}

async function gapsOf(
  tx: TransactionSql,
  table: FillableTable,
  { types, classes }: { types: ReadonlyMap<string, Type>; classes: Record<string, string> },
): Promise<string[]> {
  const values = createValueGenerator(types, createRandom(1));
  const gaps = new Set<string>();
  for (const { number, name, given } of table.columns) {
    if (given || classes[name] === "unrecorded") continue;
    const { draw } = createRowGenerator(table, { values, random: createRandom(number), columns: [number] });
    const row: FixtureRow = new Map();
    for (let tries = 0; tries < maxAttempts; tries++) {
      draw(row, new Set([number]), { shape: "full", tries, parents: new Map() });
      // No other row can be referenced.
      if (row.get(number) === undefined) continue;
      const [clock] = await tx`select clock_timestamp()::text as now`;
      const before = await readCells(tx, table);
      if ((await tryStatement(tx, updateStatement(table, row))) !== undefined) continue;
      const after = await readCells(tx, table);
      const [old] = [...before].filter((text) => !after.has(text));
      const [fresh] = [...after].filter((text) => !before.has(text));
      if (old === undefined || fresh === undefined) continue;
      const [was, is] = [JSON.parse(old), JSON.parse(fresh)] as [Cells, Cells];
      for (const gap of compare({ was, is, classes, said: await readTrail(tx, table, String(clock?.["now"])) }))
        gaps.add(`the audit trail of ${table.schema}.${table.name} ${gap}`);
      if (JSON.stringify(was[name]) !== JSON.stringify(is[name])) break;
    }
  }
  return [...gaps];
}

/** Returns every row as the JSON text of its cells. */
async function readCells(tx: TransactionSql, table: FillableTable): Promise<Set<string>> {
  const cells = table.columns.map(({ name }) => {
    const column = `one.${quoteName(name)}`;
    return `('${name.replaceAll("'", "''")}', to_jsonb(${column}), ${column}::text)`;
  });
  const rows = await tx.unsafe(`
    select (select jsonb_object_agg(name, jsonb_build_array(json, text)) from (values ${cells}) as cell (name, json, text))::text as cells
    from ${quoted(table)} as one`);
  return new Set(rows.map((row) => String(row["cells"])));
}

/** Returns the changes that the trail has recorded since a moment for the updated row, by column. */
async function readTrail(
  tx: TransactionSql,
  { schema, name }: FillableTable,
  since: string,
): Promise<Map<string, [unknown, unknown][]>> {
  const type = (schema === "public" ? name : `${schema}.${name}`).slice(0, 50);
  const rows = await tx`select changes::text as changes from public.audit_log
    where resource_type = ${type} and created_at >= ${since}::text::timestamptz`;
  const said = new Map<string, [unknown, unknown][]>();
  for (const row of rows)
    for (const [column, pair] of Object.entries(
      JSON.parse(String(row["changes"])) as Record<string, [unknown, unknown]>,
    ))
      said.set(column, [...(said.get(column) ?? []), pair]);
  return said;
}

function compare(options: {
  was: Cells;
  is: Cells;
  classes: Record<string, string>;
  said: ReadonlyMap<string, [unknown, unknown][]>;
}): string[] {
  const { was, is, classes, said } = options;
  return Object.keys(is).flatMap((name) => {
    if (classes[name] === "unrecorded" || JSON.stringify(was[name]) === JSON.stringify(is[name])) return [];
    const pairs = said.get(name);
    if (pairs === undefined) return [`does not say that ${name} changed`];
    const isSecret = classes[name] === "secret";
    const tells = (cell: Cells[string] | undefined, side: 0 | 1) =>
      pairs.some((pair) =>
        isSecret
          ? pair[side] === (cell?.[1] == null ? null : "[secret]")
          : [cell?.[0], cell?.[1]].some(
              (value) => JSON.stringify(value ?? null) === JSON.stringify(pair[side] ?? null),
            ),
      );
    return tells(was[name], 0) && tells(is[name], 1) ? [] : [`has another value of ${name} than the table`];
  });
}
