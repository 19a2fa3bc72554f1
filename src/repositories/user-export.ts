import { getTableColumns, type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";
import type { Executor } from "../database/index.ts";
import { users } from "../schema/index.ts";

/** What an export has of an account, in this order; the hash and the time of deletion only if they are asked for. */
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

/** Rows that are fetched at once. */
const fetched = 1_000;

/**
 * All users in the order of their ids, some at a time, every field as the very text that PostgreSQL writes of it: a
 * Date would lose microseconds, a number of JavaScript digits. In the caller's transaction, whose snapshot they are.
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
    const rows = await tx.execute<Record<string, string | null>>(sql`fetch ${sql.raw(String(fetched))} from exported`);
    if (rows.length === 0) return;
    yield rows;
  }
}

/** Times as ISO 8601 in UTC, whatever the session's zone. */
function text(column: PgColumn): SQL {
  // In the form that the service keeps: psql may have written another case.
  if (column === users.email) return sql`lower(${column}::text)`;
  if (!column.getSQLType().startsWith("timestamp")) return sql`${column}::text`;
  return sql`(to_json(${column} at time zone 'UTC') #>> '{}') || 'Z'`;
}
