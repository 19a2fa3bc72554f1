import { getTableColumns, type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import type { Executor } from "../database/index.ts";
import { users } from "../schema/index.ts";

/** Fields of an exported account, in this order. The password hash and `deletedAt` are optional. */
export const exportedFields = [
  "id",
  "email",
  "username",
  "passwordHash",
  "emailVerified",
  "status",
  "role",
  "metadata",
  "createdAt",
  "lastLogin",
  "deletedAt",
] as const;

export type ExportedField = (typeof exportedFields)[number];
export type ExportedUser = Readonly<Record<string, string | null>>;

/** Rows of one FETCH. */
const fetchSize = 1_000;

/**
 * All users in the order of their ids, in groups. Every field is the text that PostgreSQL writes: a Date would lose
 * microseconds, and a number digits. It reads with a cursor in the caller's transaction, so all rows are of one snapshot.
 */
export async function* readExport(
  tx: Executor,
  { fields, withDeleted }: { fields: readonly ExportedField[]; withDeleted: boolean },
): AsyncGenerator<ExportedUser[]> {
  const columns = getTableColumns(users);
  const texts = fields.map((field) => sql`${text(columns[field])} as ${sql.identifier(field)}`);
  const visible = withDeleted ? sql`true` : sql`deleted_at is null`;
  await tx.execute(sql`
    declare exported no scroll cursor for
    select ${sql.join(texts, sql`, `)} from ${users} where ${visible} order by ${users.id}`);
  for (;;) {
    const rows = await tx.execute<Record<string, string | null>>(
      sql`fetch ${sql.raw(String(fetchSize))} from exported`,
    );
    if (rows.length === 0) return;
    yield rows;
  }
}

/** The text of a column. A time is ISO 8601 in UTC, independent of the session's time zone. */
function text(column: PgColumn): SQL {
  // The service stores lower case. Another client may have stored another case.
  if (column === users.email) return sql`lower(${column}::text)`;
  if (!column.getSQLType().startsWith("timestamp")) return sql`${column}::text`;
  return sql`(to_json(${column} at time zone 'UTC') #>> '{}') || 'Z'`;
}
