import { and, eq, type SQL, sql } from "drizzle-orm";
import type { PgColumn, PgTable, PgUpdateSetSource } from "drizzle-orm/pg-core";
import { type Actor, auditContextOf, type Executor, runWrite, setPreparedAuditContext } from "../database/index.ts";
import { formatInstant } from "../schema/index.ts";
import { type Admission, admissionCondition } from "./admission.ts";
import type { Change, Definition } from "./definition.ts";
import { mapFlat } from "./flat-rows.ts";
import { contextColumn, unchanged } from "./statements.ts";
import { typedPlaceholder } from "./typed-placeholder.ts";

/** A change of the row with this id. */
export interface VersionedChange<Table extends PgTable> {
  readonly id: string;
  readonly change: Change<Table>;
  /** The version that the row must have. */
  readonly version: Date | undefined;
  /** The caller that the statement must admit. */
  readonly admission: Admission | undefined;
}

/**
 * Returns a function that updates a row and returns it as it is then; undefined if there is no such row, if it has another
 * version, or if the caller is not admitted.
 *
 * A statement is prepared for each combination of fields: building, sending and planning it anew takes longer than to run it.
 */
export function createRowUpdate<Table extends PgTable, Row extends object>(
  db: Executor,
  definition: Definition<Table, Row>,
): (by: Actor, row: VersionedChange<Table>) => Promise<Row | undefined> {
  const statements = new Map<string, ReturnType<typeof prepareUpdate>>();
  return async (by, { id, change, version, admission }) => {
    const values = Object.entries(change).filter(([, value]) => value !== undefined);
    const shape = { values, hasVersion: version !== undefined, admission };
    const name = nameOf(shape);
    const statement = statements.get(name) ?? prepareUpdate(db, definition, shape);
    statements.set(name, statement);
    const parameters = {
      ...Object.fromEntries(values.map(([field, value]) => [placeholderOf(field), value])),
      ...admission?.check(),
      id,
      version: version && formatInstant(version),
      auditContext: auditContextOf(by),
    };
    const [row] = await runWrite(db, () => statement.execute(parameters));
    return row;
  };
}

interface Shape {
  /** The fields to change, with their values, of which only null belongs to the shape. */
  readonly values: readonly [field: string, value: unknown][];
  readonly hasVersion: boolean;
  readonly admission: Admission | undefined;
}

/** The name of a shape. Names of fields have no commas. */
const nameOf = ({ values, hasVersion, admission }: Shape): string =>
  `${values.map(([field, value]) => (value === null ? `${field} null` : field)).join()} ${hasVersion} ${admission?.name}`;

const placeholderOf = (field: string): string => `new ${field}`;

function prepareUpdate<Table extends PgTable, Row>(
  db: Executor,
  definition: Definition<Table, Row>,
  { values, hasVersion, admission }: Shape,
) {
  const { columns, key, table, visible } = definition;
  // Drizzle would pass null to the encoder of the column.
  const set = values.map(([field, value]) => [
    field,
    value === null ? sql`null` : sql.placeholder(placeholderOf(field)),
  ]);

  const statement = db
    .update(table)
    // An empty change still reports whether the row exists.
    .set((set.length === 0 ? unchanged(definition) : Object.fromEntries(set)) as PgUpdateSetSource<Table>)
    .where(
      and(
        eq(key, sql.placeholder("id")),
        visible,
        hasVersion ? isVersion(definition) : undefined,
        admission && admissionCondition(admission.rules),
      ),
    )
    .returning({ ...columns, [contextColumn]: setPreparedAuditContext } as never as Record<string, PgColumn>)
    .prepare(`${definition.noun}_update`);
  return mapFlat(statement, { omit: contextColumn });
}

/** Versions are compared to the millisecond, which is the precision of a Date. */
function isVersion<Table extends PgTable, Row>({ version, noun }: Definition<Table, Row>): SQL {
  if (version === undefined) throw new TypeError(`a ${noun} has no version`);
  return sql`date_trunc('milliseconds', ${version}) = ${typedPlaceholder("version", "timestamptz")}`;
}
