import { and, eq, getTableColumns, getTableName, type SQL, sql } from "drizzle-orm";
import type { PgColumn, PgTable, PgUpdateSetSource } from "drizzle-orm/pg-core";
import { type Actor, type Executor, runWrite, setAuditContext } from "../database/index.ts";
import type { Definition, Insert } from "./definition.ts";
import { createLookup, type LookupKey } from "./lookup.ts";
import { createWrittenLookup, type WrittenRow } from "./written-row.ts";

// The statements of the generic repository. Drizzle's types do not follow a table that is a type parameter, so this
// file holds the casts.

/** The result column of the expression that passes the actor to the audit trail. */
export const contextColumn = "auditContext";

/** Prepares a look-up of one row. postgres.js keeps a named statement prepared on each connection. */
export function prepareSelect<Table extends PgTable, Row extends object>(
  db: Executor,
  { columns, table, visible }: Definition<Table, Row>,
  { condition, name }: { condition: SQL; name: string },
) {
  return db
    .select(columns as Record<string, PgColumn>)
    .from(table as PgTable)
    .where(and(condition, visible))
    .limit(1)
    .prepare(`${getTableName(table)}_${name}`);
}

/** Prepares the look-up of a row by its id. */
export function prepareById<Table extends PgTable, Row extends object>(
  db: Executor,
  definition: Definition<Table, Row>,
): (key: LookupKey<"id">) => Promise<Row | undefined> {
  return createLookup<"id", Row & LookupKey<"id">>(db, {
    name: nameById(definition),
    key: ["id"],
    find: ({ id }) => selectById(db, definition, { id, fields: definition.columns }),
  });
}

/** Prepares the look-up of a row by its id, as JSON. */
export function prepareWrittenById<Table extends PgTable, Row extends object>(
  db: Executor,
  definition: Definition<Table, Row>,
): (key: LookupKey<"id">) => Promise<WrittenRow<Row> | undefined> {
  return createWrittenLookup<"id", Row & LookupKey<"id">>(db, {
    name: nameById(definition),
    key: ["id"],
    columns: definition.columns as Record<string, PgColumn>,
    find: ({ id }, fields) => selectById(db, definition, { id, fields }),
  });
}

const nameById = <Table extends PgTable, Row>({ table, view = "" }: Definition<Table, Row>): string =>
  `${getTableName(table)}_by_id${view}`;

const selectById = <Table extends PgTable, Row>(
  db: Executor,
  { key, table, visible }: Definition<Table, Row>,
  { id, fields }: { id: SQL; fields: object },
) =>
  db
    .select(fields as Record<string, PgColumn>)
    .from(table as PgTable)
    .where(and(eq(key, id), visible))
    .limit(1);

/** Inserts a row, or with `upsert` updates the visible row of the same key. @returns the written row, if any */
export async function insertRow<Table extends PgTable, Row extends object>(
  db: Executor,
  definition: Definition<Table, Row>,
  { by, row, upsert }: { by: Actor; row: Insert<Table>; upsert?: Insert<Table> },
): Promise<Row[]> {
  const { table, key, visible } = definition;
  const rows = await runWrite(db, async () => {
    const insert = db.insert(table).values(row);
    if (upsert === undefined) return insert.returning(returning(by, definition));
    const set = upsert as PgUpdateSetSource<Table>;
    return insert
      .onConflictDoUpdate({ target: key, set, ...(visible && { setWhere: visible }) })
      .returning(returning(by, definition));
  });
  return withoutContext(rows);
}

/** Updates the rows that meet the condition. @returns them as they are after the update */
export async function updateRows<Table extends PgTable, Row extends object>(
  db: Executor,
  definition: Definition<Table, Row>,
  { by, condition, change }: { by: Actor; condition: SQL | undefined; change: object },
): Promise<Row[]> {
  const isEmpty = Object.values(change).every((value) => value === undefined);
  // An empty change still reports whether the row exists.
  const set = (isEmpty ? unchanged(definition) : change) as PgUpdateSetSource<Table>;
  const rows = await runWrite(db, async () =>
    db.update(definition.table).set(set).where(condition).returning(returning(by, definition)),
  );
  return withoutContext(rows as object[]);
}

/** Deletes the rows that meet the condition. @returns their number */
export async function deleteRows(
  db: Executor,
  table: PgTable,
  { by, condition }: { by: Actor; condition: SQL },
): Promise<number> {
  const rows = await runWrite(db, async () =>
    db
      .delete(table)
      .where(condition)
      .returning({ [contextColumn]: setAuditContext(by) }),
  );
  return rows.length;
}

/** The listed columns, and the expression that passes the actor to the audit trigger. */
const returning = <Table extends PgTable, Row>(by: Actor, { columns }: Definition<Table, Row>) =>
  ({ ...columns, [contextColumn]: setAuditContext(by) }) as never as Record<string, PgColumn>;

const withoutContext = <Row extends object>(rows: readonly object[]): Row[] =>
  rows.map((row) => {
    const { [contextColumn]: _, ...listed } = row as Record<string, unknown>;
    return listed as Row;
  });

/** A change that sets the key to itself. */
export function unchanged<Table extends PgTable, Row>({ key, table }: Definition<Table, Row>): object {
  const field = Object.entries(getTableColumns(table)).find(([, column]) => column === key)?.[0] ?? key.name;
  return { [field]: sql`${key}` };
}
