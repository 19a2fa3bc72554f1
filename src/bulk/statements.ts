import { and, type Column, getTableColumns, getTableName, inArray, type SQL, sql } from "drizzle-orm";
import type { AnyPgColumn, PgColumn, PgTable } from "drizzle-orm/pg-core";
import { type Actor, type Executor, parameterType, setAuditContext } from "../database/index.ts";
import { ConflictError, InvalidInputError, NotFoundError } from "../errors.ts";
import { writeJson } from "../json/index.ts";
import { type Numbered, refusal, type Untangled } from "./pipeline.ts";
import type { RejectedRow } from "./report.ts";

// One statement for many rows. They travel as one JSON text, which PostgreSQL reads with the table's own types:
// faster than a parameter a value, of which a statement can have 65,535.

/** A table, as far as statements for many rows use it. A repository's listing of it has these members. */
interface Target {
  readonly table: PgTable;
  readonly key: PgColumn;
  readonly columns: Readonly<Record<string, AnyPgColumn>>;
  readonly visible?: SQL | undefined;
  readonly forms?: { readonly [field: string]: { equal: SQL; given: (text: SQL) => SQL } | undefined };
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
): Promise<RejectedRow[]> {
  const { table, key } = target;
  const columns = getTableColumns(table);
  const refused: RejectedRow[] = [];
  // A field that a row leaves out gets its default: so rows go together that have the same fields.
  for (const [fields, group] of groupByFields(batch)) {
    const rows = inOrder(group, target);
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
      returning ${identifier(key)} as key, ${setAuditContext(by)}`);
    if (added.length === rows.length) continue;
    const same = formOf(key);
    const keys = new Set(added.map((row) => same(row["key"])));
    const field = fieldOf(columns, key);
    const left = rows.filter(({ row }) => !keys.delete(same((row as Fields)[field])));
    refused.push(...(await explainConflicts(tx, target, left)));
  }
  return refused;
}

/**
 * In the order of what is unique, so that two who bring the same rows do not wait for each other; what has a value
 * that one before it has comes behind all others, so that the first has it.
 */
function inOrder<Row extends object>(rows: readonly Numbered<Row>[], { unique = [] }: Target): Numbered<Row>[] {
  const seen = unique.map(() => new Set<string>());
  const [first, repeated]: [{ row: Numbered<Row>; key: string }[], Numbered<Row>[]] = [[], []];
  for (const row of rows) {
    const keys = unique.map((field) => String((row.row as Fields)[field]).toLowerCase());
    if (keys.some((key, at) => seen[at]?.has(key))) repeated.push(row);
    else first.push({ row, key: keys[0] ?? "" });
    for (const [at, key] of keys.entries()) seen[at]?.add(key);
  }
  first.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return [...first.map(({ row }) => row), ...repeated];
}

type Update = Numbered<{ readonly id: string; readonly version?: Date | undefined; readonly change: object }>;

/**
 * Changes rows, each in its own way; those that are not there, or have another version by now, are named. One that
 * comes several times is changed several times, in their order: a statement would take one change of it alone.
 */
export async function updateBatch(
  tx: Executor,
  target: Target,
  by: Actor,
  batch: readonly Update[],
): Promise<RejectedRow[]> {
  const same = formOf(target.key);
  const refused: RejectedRow[] = [];
  for (let left = batch; left.length > 0; ) {
    const once = new Map<string, Update>();
    const again = left.filter((update) => {
      const id = same(update.row.id);
      if (!once.has(id)) return !once.set(id, update);
      return true;
    });
    // By id, so that two who change the same rows do not wait for each other.
    const ordered = [...once].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, update]) => update);
    refused.push(...(await updateOnce(tx, target, by, ordered)));
    left = again;
  }
  return refused;
}

async function updateOnce(tx: Executor, target: Target, by: Actor, batch: readonly Update[]): Promise<RejectedRow[]> {
  const { table, key, version, visible } = target;
  const columns = getTableColumns(table);
  const fields = [...new Set(batch.flatMap(({ row }) => fieldsOf(row.change)))];
  const given = batch.map(({ row: { id, version: seen, change } }) => ({
    id,
    seen,
    change: named(change, columns),
  }));
  // What a change leaves out comes from the row as it is when it is written, whoever was faster.
  const set = fields.map((field) => {
    const column = identifier(columns[field]);
    return sql`${column} = (jsonb_populate_record(${sql.identifier(getTableName(table))}, given.change)).${column}`;
  });
  // Where nothing is to change, whether the row is there, and in this version, is told all the same.
  if (set.length === 0) set.push(sql`${identifier(key)} = ${key}`);
  const done = await tx.execute(sql`
    update ${table} set ${sql.join(set, sql`, `)}
    from jsonb_to_recordset(${JSON.stringify(given)}::jsonb) as given (id uuid, seen timestamptz, change jsonb)
    where ${and(
      sql`${key} = given.id`,
      visible,
      version && sql`(given.seen is null or date_trunc('milliseconds', ${version}) = given.seen)`,
    )}
    returning ${key} as key, ${setAuditContext(by)}`);
  const same = formOf(key);
  const keys = new Set(done.map((row) => same(row["key"])));
  return explainMissing(
    tx,
    target,
    batch.filter(({ row }) => !keys.has(same(row.id))),
  );
}

/**
 * Takes a batch of changes apart in which values that are unique collide: those that rows outside of it have are
 * refused, and a change to what one before it changes to comes after that one, which may be refused itself.
 */
export async function untangleUpdates<Row extends Update["row"]>(
  db: Executor,
  target: Target,
  batch: readonly Numbered<Row>[],
): Promise<Untangled<Row> | undefined> {
  const { table, key, unique = [], forms, columns } = target;
  const taken = new Map<number, string>();
  const second = new Set<number>();
  for (const field of unique) {
    const form = forms?.[field];
    const given = batch.flatMap(({ index, row: { id, change } }) => {
      const value = (change as Fields)[field] ?? null;
      return value === null ? [] : { index, id, value };
    });
    const value = sql`value::${sql.raw(parameterType(columns[field] as PgColumn))}`;
    const found = await db.execute(sql`
      with given as (
        select index, id, ${form?.given(value) ?? value} as value
        from jsonb_to_recordset(${JSON.stringify(given)}::jsonb) as given (index int, id uuid, value text)
      )
      select index, first_value(id) over (partition by value order by index) <> id as second,
        exists (select from ${table} where ${form?.equal ?? columns[field]} = given.value and ${key} not in (select id from given)) as taken
      from given`);
    for (const row of found) {
      if (row["taken"]) taken.set(Number(row["index"]), field);
      if (row["second"]) second.add(Number(row["index"]));
    }
  }
  if (taken.size + second.size === 0) return undefined;

  const [now, later]: [Numbered<Row>[], Numbered<Row>[]] = [[], []];
  const same = formOf(key);
  const waiting = new Set<string>();
  for (const update of batch) {
    if (taken.has(update.index)) continue;
    // What is changed twice is changed in that order.
    if (second.has(update.index)) waiting.add(same(update.row.id));
    (waiting.has(same(update.row.id)) ? later : now).push(update);
  }
  return { refused: [...taken].map(([index, field]) => refusal(index, isTaken(field))), lots: [now, later] };
}

/** Removes rows; those that are not there, or not any more when they come again, are named. */
export async function deleteBatch(
  tx: Executor,
  target: Target,
  by: Actor,
  batch: readonly Numbered<string>[],
): Promise<RejectedRow[]> {
  const { table, key } = target;
  const gone = await tx.execute(sql`
    delete from ${table} where ${inArray(
      key,
      batch.map(({ row }) => row),
    )} returning ${key} as key, ${setAuditContext(by)}`);
  const same = formOf(key);
  const keys = new Set(gone.map((row) => same(row["key"])));
  const missing = batch.filter(({ row }) => !keys.delete(same(row)));
  return missing.map(({ index }) => refusal(index, notFound(target)));
}

/** Which field of each row is taken, by one look-up for each that is unique. */
async function explainConflicts(
  tx: Executor,
  target: Target,
  rows: readonly Numbered<object>[],
): Promise<RejectedRow[]> {
  const { table, key, unique = [], forms, columns } = target;
  const reasons = new Map<number, string>();
  for (const field of [...unique, fieldOf(columns, key)]) {
    const form = forms?.[field];
    const values = rows.map(({ row }) => (row as Fields)[field] ?? null);
    const value = sql`given.value::${sql.raw(parameterType(columns[field] as PgColumn))}`;
    const taken = await tx.execute(sql`
      select position - 1 as position
      from json_array_elements_text(${JSON.stringify(values)}::json) with ordinality as given (value, position)
      where exists (select from ${table} where ${form?.equal ?? columns[field]} = ${form?.given(value) ?? value})`);
    for (const { position } of taken) {
      const row = rows[Number(position)];
      if (row !== undefined && !reasons.has(row.index)) reasons.set(row.index, field);
    }
  }
  return rows.map(({ index }) => {
    const field = reasons.get(index);
    if (field !== undefined) return refusal(index, isTaken(field));
    const message = "Something with this key is there already.";
    return refusal(index, new ConflictError(message, { field: fieldOf(columns as Record<string, Column>, key) }));
  });
}

const isTaken = (field: string) => new ConflictError(`This ${field} is taken.`, { field });

/** Why rows were not changed: they are not there, or somebody was faster. */
async function explainMissing(
  tx: Executor,
  target: Target,
  rows: readonly Numbered<{ readonly id: string }>[],
): Promise<RejectedRow[]> {
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
  const same = formOf(key);
  const keys = new Set(there.map((row) => same(row["key"])));
  const faster = new ConflictError(`Somebody else changed this ${noun} in the meantime: read it again.`, {
    field: "updatedAt",
  });
  return rows.map(({ index, row }) => refusal(index, keys.has(same(row.id)) ? faster : notFound(target)));
}

const notFound = ({ noun }: Target) => new NotFoundError(`There is no such ${noun}.`, { field: "id" });

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
  `[${rows.map((row) => writeJson(named(row, columns))).join(",")}]`;

/**
 * The same values by the names of their columns; JSON leaves undefined ones out.
 *
 * @throws {InvalidInputError} for one that JSON would write as null
 */
function named(row: object, columns: Record<string, Column>): Fields {
  const values: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(row)) {
    const written = value instanceof Date ? value.getTime() : value;
    if (typeof written === "number" && !Number.isFinite(written)) {
      throw new InvalidInputError(`${field}: is no ${value instanceof Date ? "time" : "number"}.`, { field });
    }
    values[columns[field]?.name ?? field] = value;
  }
  return values;
}

/** Makes keys that PostgreSQL takes for the same the same text: of UUIDs it reads several forms (manual, 8.12). */
function formOf(key: PgColumn): (value: unknown) => string {
  if (parameterType(key) !== "uuid") return String;
  return (value) =>
    String(value)
      .toLowerCase()
      .replace(/[^0-9a-f]/g, "");
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
