import { and, type Column, getTableColumns, inArray, type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import { type Actor, recordedAs } from "../database/actor.ts";
import type { Executor } from "../database/transaction.ts";
import { Conflict, NotFound } from "../errors.ts";
import { type Numbered, refusal } from "./bulk.ts";
import type { Listing } from "./listing.ts";
import type { Refusal } from "./rows.ts";
import { typeOf } from "./where.ts";

// One statement for many rows. They travel as one JSON text, which PostgreSQL reads with the table's own types:
// faster than a parameter a value, of which a statement can have 65,535.

interface Target extends Listing {
  readonly noun: string;
  readonly version?: PgColumn;
  readonly unique?: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;

/** Adds rows; those that collide with others are left out, and named. */
export async function insertBatch(
  tx: Executor,
  target: Target,
  by: Actor,
  batch: readonly Numbered<object>[],
): Promise<Refusal[]> {
  const { table, key } = target;
  const columns = getTableColumns(table);
  const refused: Refusal[] = [];
  // A field that a row leaves out gets its default: so rows go together that have the same fields.
  for (const [fields, rows] of groupByFields(batch)) {
    const names = sql.join(
      fields.map((field) => identifier(columns[field])),
      sql`, `,
    );
    const added = await tx.execute(sql`
      insert into ${table} (${names})
      select ${names} from json_populate_recordset(null::${table}, ${json(
        rows.map(({ row }) => row),
        columns,
      )}::json)
      on conflict do nothing
      returning ${identifier(key)} as key, ${recordedAs(by)}`);
    if (added.length === rows.length) continue;
    const keys = new Set(added.map((row) => String(row["key"])));
    const field = fieldOf(columns, key);
    refused.push(
      ...(await explainConflicts(
        tx,
        target,
        rows.filter(({ row }) => !keys.has(String((row as Fields)[field]))),
      )),
    );
  }
  return refused;
}

/** Changes rows, each in its own way; those that are not there, or have another version by now, are named. */
export async function updateBatch(
  tx: Executor,
  target: Target,
  by: Actor,
  batch: readonly Numbered<{ readonly id: string; readonly version?: Date | undefined; readonly change: object }>[],
): Promise<Refusal[]> {
  const { table, key, version, visible } = target;
  const columns = getTableColumns(table);
  const fields = [...new Set(batch.flatMap(({ row }) => fieldsOf(row.change)))];
  if (fields.length === 0) return [];
  const given = batch.map(({ row: { id, version: seen, change } }) => ({
    id,
    seen,
    change: named(change, columns),
  }));
  // What a change leaves out comes from the row as it is when it is written, whoever was faster.
  const set = fields.map((field) => {
    const column = identifier(columns[field]);
    return sql`${column} = (jsonb_populate_record(${table}, given.change)).${column}`;
  });
  const done = await tx.execute(sql`
    update ${table} set ${sql.join(set, sql`, `)}
    from jsonb_to_recordset(${JSON.stringify(given)}::jsonb) as given (id uuid, seen timestamptz, change jsonb)
    where ${and(
      sql`${key} = given.id`,
      visible,
      version && sql`(given.seen is null or date_trunc('milliseconds', ${version}) = given.seen)`,
    )}
    returning ${key} as key, ${recordedAs(by)}`);
  const keys = new Set(done.map((row) => String(row["key"])));
  return explainMissing(
    tx,
    target,
    batch.filter(({ row }) => !keys.has(row.id.toLowerCase())),
  );
}

/** Removes rows; those that are not there are named. */
export async function deleteBatch(
  tx: Executor,
  target: Target,
  by: Actor,
  batch: readonly Numbered<string>[],
): Promise<Refusal[]> {
  const { table, key } = target;
  const gone = await tx.execute(sql`
    delete from ${table} where ${inArray(
      key,
      batch.map(({ row }) => row),
    )} returning ${key} as key, ${recordedAs(by)}`);
  const keys = new Set(gone.map((row) => String(row["key"])));
  const missing = batch.filter(({ row }) => !keys.has(row.toLowerCase()));
  return missing.map(({ index }) => refusal(index, notFound(target)));
}

/** Which field of each row is taken, by one look-up for each that is unique. */
async function explainConflicts(tx: Executor, target: Target, rows: readonly Numbered<object>[]): Promise<Refusal[]> {
  const { table, key, unique = [], forms, columns } = target;
  const reasons = new Map<number, string>();
  for (const field of unique) {
    const form = forms?.[field];
    const values = rows.map(({ row }) => (row as Fields)[field] ?? null);
    const compared = values.map((value) => (form === undefined || value === null ? value : form.given(String(value))));
    const taken = await tx.execute(sql`
      select position - 1 as position
      from json_array_elements_text(${JSON.stringify(compared)}::json) with ordinality as given (value, position)
      where exists (select from ${table} where ${form?.equal ?? columns[field]} = given.value::${sql.raw(typeOf(columns[field] as PgColumn))})`);
    for (const { position } of taken) {
      const row = rows[Number(position)];
      if (row !== undefined && !reasons.has(row.index)) reasons.set(row.index, field);
    }
  }
  return rows.map(({ index }) => {
    const field = reasons.get(index);
    const message = field === undefined ? "Something with this key is there already." : `This ${field} is taken.`;
    return refusal(index, new Conflict(message, { field: field ?? fieldOf(columns as Record<string, Column>, key) }));
  });
}

/** Why rows were not changed: they are not there, or somebody was faster. */
async function explainMissing(
  tx: Executor,
  target: Target,
  rows: readonly Numbered<{ readonly id: string }>[],
): Promise<Refusal[]> {
  if (rows.length === 0) return [];
  const { table, key, visible, noun } = target;
  const there = await tx.execute(sql`
    select ${key} as key from ${table} where ${and(
      inArray(
        key,
        rows.map(({ row }) => row.id),
      ),
      visible,
    )}`);
  const keys = new Set(there.map((row) => String(row["key"])));
  const faster = new Conflict(`Somebody else changed this ${noun} in the meantime: read it again.`, {
    field: "updatedAt",
  });
  return rows.map(({ index, row }) => refusal(index, keys.has(row.id.toLowerCase()) ? faster : notFound(target)));
}

const notFound = ({ noun }: Target) => new NotFound(`There is no such ${noun}.`, { field: "id" });

function groupByFields<Row extends object>(batch: readonly Numbered<Row>[]): [string[], Numbered<Row>[]][] {
  const groups = new Map<string, Numbered<Row>[]>();
  for (const numbered of batch) {
    const fields = fieldsOf(numbered.row).sort().join();
    const group = groups.get(fields);
    if (group === undefined) groups.set(fields, [numbered]);
    else group.push(numbered);
  }
  return [...groups].map(([fields, rows]) => [fields.split(","), rows]);
}

const json = (rows: readonly object[], columns: Record<string, Column>) =>
  JSON.stringify(rows.map((row) => named(row, columns)));

/** The same values by the names of their columns; JSON leaves undefined ones out. */
function named(row: object, columns: Record<string, Column>): Fields {
  const values: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(row)) values[columns[field]?.name ?? field] = value;
  return values;
}

/** Fields that have a value; null is one. */
const fieldsOf = (row: object): string[] =>
  Object.keys(row).filter((field) => (row as Record<string, unknown>)[field] !== undefined);

function fieldOf(columns: Record<string, Column>, column: PgColumn): string {
  return Object.keys(columns).find((field) => columns[field] === column) ?? column.name;
}

function identifier(column: Column | undefined): SQL {
  if (column === undefined) throw new TypeError("no such column");
  return sql`${sql.identifier(column.name)}`;
}
