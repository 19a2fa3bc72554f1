import { createHash } from "node:crypto";
import { setTimeout as after } from "node:timers/promises";
import type { Sql, TransactionSql } from "postgres";
import { codeOf } from "../database/retry.ts";
import { type Bookkeeping, namesOf } from "./bookkeeping.ts";
import { MigrationError } from "./errors.ts";
import { type Context, execute } from "./execute.ts";
import { parse, placeOf, type Statement } from "./statements.ts";

/** An index that a statement builds beside readers and writers. */
interface ConcurrentIndex {
  readonly name: string;
  /** Quoted, for to_regclass. */
  readonly table: string;
}

/** A statement's own hash: what was done is known by it when the rest is tried again. */
const hashOf = ({ text }: Statement) => createHash("sha256").update(text).digest("hex");

/**
 * Runs the statements of a script that does not run in a transaction, each committed by itself, and keeps
 * record of them: after a failure, or a `kill -9`, the next `up` goes on behind the last that is done.
 */
export async function executeOutside(
  sql: Sql,
  statements: readonly Statement[],
  context: Context,
  { bookkeeping, when, inTransaction }: { bookkeeping: Bookkeeping; when: number; inTransaction: InTransaction },
): Promise<void> {
  const { runs } = namesOf(bookkeeping);
  const [run] = await sql.unsafe(`select to_json(statements) as statements from ${runs} where created_at = $1`, [when]);
  const done = (run?.["statements"] ?? []) as string[];
  const changed = statements.find((statement, index) => index < done.length && hashOf(statement) !== done[index]);
  if (changed !== undefined || done.length > statements.length) {
    const { file, line } = placeOf(context.script, changed ?? { text: "", offset: 0 });
    throw new MigrationError(
      `${file}:${line}: the first ${done.length} statements of ${context.tag} are done and committed, and were edited since. ` +
        "Restore them as they were, and change only what comes behind.",
    );
  }
  await sql.unsafe(
    `insert into ${runs} (created_at, started_at) values ($1, clock_timestamp()) on conflict do nothing`,
    [when],
  );

  for (const [index, statement] of statements.entries()) {
    if (index < done.length) continue;
    const place = { first: index + 1, of: statements.length };
    const keep = (connection: Sql | TransactionSql) =>
      connection.unsafe(`update ${runs} set statements = statements || $2::text where created_at = $1`, [
        when,
        hashOf(statement),
      ]);
    try {
      await inTransaction(async (tx) => {
        await execute(tx, [statement], context, place);
        await keep(tx);
      });
    } catch (error) {
      if (codeOf(error) !== "25001") throw error;
      const begunBefore = run !== undefined && index === done.length;
      await executeBare(sql, statement, context, { ...place, begunBefore });
      await keep(sql);
    }
  }
}

/** Runs work in a transaction of its own, that waits for a table no longer than it should, and is tried again. */
export type InTransaction = (work: (tx: TransactionSql) => Promise<void>) => Promise<void>;

/** One statement that PostgreSQL does not run in a transaction. */
async function executeBare(
  sql: Sql,
  statement: Statement,
  context: Context,
  { begunBefore, ...place }: { begunBefore: boolean; first: number; of: number },
): Promise<void> {
  const index = await concurrentIndex(statement.text);
  if (index !== undefined) {
    await builderIsGone(sql, index, context);
    const valid = await isValid(sql, index);
    // Built by a run that was killed before it could keep record of it.
    if (valid && begunBefore) return;
    if (valid === false) await dropInvalid(sql, index, context);
  }
  try {
    await execute(sql, [statement], context, place);
  } catch (error) {
    if (index !== undefined && (await isValid(sql, index)) === false) await dropInvalid(sql, index, context);
    throw error;
  }
}

/** The index that the statement builds concurrently, by PostgreSQL's own parser. */
async function concurrentIndex(text: string): Promise<ConcurrentIndex | undefined> {
  const stmt = (await parse(text))?.[0]?.stmt;
  if (stmt === undefined || !("IndexStmt" in stmt)) return undefined;
  const { concurrent, idxname, relation } = stmt.IndexStmt;
  if (!concurrent) return undefined;
  if (idxname === undefined) {
    throw new MigrationError(
      "An index that is built concurrently needs a name in its statement, so that what a failure leaves can be found.",
    );
  }
  const table = [relation?.schemaname, relation?.relname].filter((part) => part !== undefined);
  return { name: idxname, table: table.map((part) => `"${part.replaceAll('"', '""')}"`).join(".") };
}

async function isValid(sql: Sql, { name, table }: ConcurrentIndex): Promise<boolean | undefined> {
  const [row] = await sql`
    select indisvalid from pg_index join pg_class on pg_class.oid = indexrelid
    where indrelid = to_regclass(${table}) and relname = ${name}`;
  return row?.["indisvalid"];
}

/** Waits while the server still builds for somebody who was killed: its index would come out valid. */
async function builderIsGone(
  sql: Sql,
  { name, table }: ConcurrentIndex,
  { tag, onEvent, signal }: Context,
): Promise<void> {
  for (let ms = 0; ; ms += 500) {
    const [builder] = await sql`
      select pid from pg_stat_progress_create_index join pg_class on pg_class.oid = index_relid
      where relid = to_regclass(${table}) and relname = ${name}`;
    if (builder === undefined) return;
    if (ms === 0) onEvent({ type: "waiting", tag, ms, behind: [`process ${builder["pid"]} (still builds ${name})`] });
    await after(500, undefined, { signal });
  }
}

async function dropInvalid(sql: Sql, { name, table }: ConcurrentIndex, { onEvent }: Context): Promise<void> {
  const [row] = await sql`
    select format('%I.%I', nspname, relname) as index from pg_class
    join pg_index on indexrelid = pg_class.oid join pg_namespace on pg_namespace.oid = relnamespace
    where indrelid = to_regclass(${table}) and relname = ${name}`;
  await sql.unsafe(`drop index concurrently ${row?.["index"]}`);
  onEvent({ type: "warning", message: `dropped the INVALID index ${name} that a failure had left` });
}
