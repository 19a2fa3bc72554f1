import type { TransactionSql } from "postgres";
import type { Migration } from "../journal/folder.ts";
import { type MigrationsTable, quotedNames, quoteLiteral } from "./table-names.ts";

/**
 * The transaction that holds the migrator lock. A record is written only in that transaction: a migration that runs
 * COMMIT or ROLLBACK itself ends it, and with it the lock.
 */
export interface RecordingTransaction {
  readonly migrationsTable: MigrationsTable;
  /** When the transaction began (s since 1970, exact): the value of `now()` identifies it. */
  readonly transaction: string;
}

/**
 * Records a migration as applied since `started`, a time of the server's clock.
 *
 * @returns false, and records nothing, when the migration has ended the transaction
 */
export async function recordApplied(
  tx: TransactionSql,
  { hash, when }: Pick<Migration, "hash" | "when">,
  { migrationsTable, started, transaction }: RecordingTransaction & { readonly started: string },
): Promise<boolean> {
  const { count } = await tx.unsafe(`
    insert into ${quotedNames(migrationsTable).table} (hash, created_at)
    select ${quoteLiteral(hash)}, ${Number(when)}
    from set_config('migrations.started_at', ${quoteLiteral(started)}, true)
    where ${isCurrent(transaction)}`);
  return count > 0;
}

/** Records a migration of an existing database as applied, without a time or a duration. */
export async function recordBaseline(
  tx: TransactionSql,
  { hash, when }: Pick<Migration, "hash" | "when">,
  migrationsTable: MigrationsTable,
): Promise<void> {
  const { table, runs } = quotedNames(migrationsTable);
  await tx.unsafe(`insert into ${table} (hash, created_at) values ($1, $2)`, [hash, when]);
  await tx.unsafe(`delete from ${runs} where created_at = $1`, [when]);
}

/**
 * Removes the record of a migration that was undone.
 *
 * @returns false, and removes nothing, when the migration has ended the transaction
 */
export async function removeRecord(
  tx: TransactionSql,
  when: number,
  { migrationsTable, transaction }: RecordingTransaction,
): Promise<boolean> {
  const { count } = await tx.unsafe(
    `delete from ${quotedNames(migrationsTable).table} where created_at = ${Number(when)} and ${isCurrent(transaction)}`,
  );
  return count > 0;
}

const isCurrent = (transaction: string) => `extract(epoch from now()) = ${Number(transaction)}`;
