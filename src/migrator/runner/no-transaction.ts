import { createHash } from "node:crypto";
import { setTimeout as after } from "node:timers/promises";
import type { Sql, TransactionSql } from "postgres";
import { codeOf, sqlstate } from "../../database/index.ts";
import { MigrationError } from "../errors.ts";
import { type MigrationsTable, quotedNames } from "../history/migrations-table.ts";
import { placeOf, type Statement } from "../journal/script.ts";
import { type Build, concurrentOperation } from "./concurrent-index.ts";
import { checkDeferred, execute, notInTransaction, type StatementContext } from "./execute.ts";

/** Who does what is not done in the lock's own transaction. */
export interface Worker {
  readonly sql: Sql;
  /** With as much time as it takes, in queues too: for what readers and writers go on beside. */
  readonly patient: (work: (sql: Sql) => Promise<void>) => Promise<void>;
  /** Gives way in a queue, and tries again. */
  readonly polite: (work: (sql: Sql) => Promise<void>) => Promise<void>;
  /** The same, in a transaction. */
  readonly inTransaction: (work: (tx: TransactionSql) => Promise<void>) => Promise<void>;
}

/** A statement's own hash: what was done is known by it when the rest is tried again. */
const hashOf = ({ text }: Statement) => createHash("sha256").update(text).digest("hex");

/**
 * Runs the statements of a script that does not run in a transaction, each committed by itself, and keeps
 * record of them: after a failure, or a `kill -9`, the next `up` goes on behind the last that is done.
 */
export async function executeOutside(
  worker: Worker,
  statements: readonly Statement[],
  context: StatementContext,
  books: { migrationsTable: MigrationsTable; when: number },
): Promise<void> {
  const { done, begunBefore } = await begin(worker.sql, books);
  const changed = statements.find((statement, index) => index < done.length && hashOf(statement) !== done[index]);
  if (changed !== undefined || done.length > statements.length) {
    const { file, line } = placeOf(context.script, changed ?? { text: "", offset: 0 });
    throw new MigrationError(
      `${file}:${line}: the first ${done.length} statements of ${context.tag} are done and committed, and were edited since. ` +
        "Restore them as they were, and change only what comes behind.",
    );
  }

  for (const [index, statement] of statements.entries()) {
    if (index < done.length) continue;
    const place = { first: index + 1, of: statements.length };
    const keep = (connection: Sql | TransactionSql) => keepDone(connection, { ...books, index, statement });
    try {
      await worker.inTransaction(async (tx) => {
        await execute(tx, [statement], context, place);
        await checkDeferred(tx, statement, context);
        await keep(tx);
      });
    } catch (error) {
      if (!notInTransaction.has(codeOf(error) ?? "")) throw error;
      await executeBare(worker, statement, context, { ...place, begunBefore: begunBefore && index === done.length });
      await keep(worker.sql);
    }
  }
}

/** What is done already, and whether anybody has begun before; now somebody has. */
async function begin(
  sql: Sql,
  { migrationsTable, when }: { migrationsTable: MigrationsTable; when: number },
): Promise<{ done: string[]; begunBefore: boolean }> {
  const { runs } = quotedNames(migrationsTable);
  // An applied migration's line is there before its down begins: that it has, is told by the time.
  const [run] = await sql.unsafe(
    `select to_json(statements) as statements, applied_at is null or started_at > applied_at as begun
    from ${runs} where created_at = $1`,
    [when],
  );
  await sql.unsafe(
    `insert into ${runs} as run (created_at, started_at) values ($1, clock_timestamp())
    on conflict (created_at) do update set started_at = clock_timestamp()
    where run.applied_at is not null and (run.started_at > run.applied_at) is not true`,
    [when],
  );
  return { done: run?.["statements"] ?? [], begunBefore: run?.["begun"] === true };
}

/** Together with the statement, where that runs in a transaction: whoever did the same meanwhile does it in vain. */
async function keepDone(
  connection: Sql | TransactionSql,
  {
    migrationsTable,
    when,
    index,
    statement,
  }: { migrationsTable: MigrationsTable; when: number; index: number; statement: Statement },
): Promise<void> {
  const { count } = await connection.unsafe(
    `update ${quotedNames(migrationsTable).runs} set statements = statements || $2::text
    where created_at = $1 and cardinality(statements) = $3`,
    [when, hashOf(statement), index],
  );
  if (count === 1) return;
  throw new MigrationError(
    "Another migrator has done this statement meanwhile: the session that held the lock was ended while it ran.",
  );
}

/** One statement that PostgreSQL does not run in a transaction. */
async function executeBare(
  worker: Worker,
  statement: Statement,
  context: StatementContext,
  { begunBefore, ...place }: { begunBefore: boolean; first: number; of: number },
): Promise<void> {
  const concurrent = await concurrentOperation(statement.text);
  const run = (sql: Sql) => execute(sql, [statement], context, place);
  if (concurrent === undefined) return worker.polite(run);
  if (concurrent === "other") return worker.patient(run);
  if (concurrent === "drop") {
    return worker.patient(run).catch((error: unknown) => {
      // Dropped by a run that was killed before it could keep record of it.
      if (!begunBefore || codeOf(error) !== sqlstate.undefinedObject) throw error;
    });
  }

  const { sql } = worker;
  await builderIsGone(sql, concurrent, context);
  // Built by a run that was killed before it could keep record of it.
  if (begunBefore && (await isThere(sql, concurrent))) return;
  await dropInvalid(sql, concurrent, context);
  try {
    await worker.patient(run);
  } catch (error) {
    await leaveNothing(sql, concurrent, context);
    throw error;
  }
}

/** After a failure, which is what there is to tell, whatever comes of this. */
async function leaveNothing(sql: Sql, build: Build, context: StatementContext): Promise<void> {
  try {
    if (!context.signal?.aborted) return await dropInvalid(sql, build, context);
    // Dropping would wait for the same transactions that the build did, and somebody wants to stop.
    for (const name of await invalid(sql, build))
      context.onEvent({ type: "warning", message: `the INVALID index ${name} is left: the next run drops it` });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    context.onEvent({ type: "warning", message: `an INVALID index may be left, which the next run drops: ${reason}` });
  }
}

async function isThere(sql: Sql, build: Build): Promise<boolean> {
  const [row] = await sql`select 1 from ${indexes(sql, build)} and indisvalid`;
  return build.name !== undefined && row !== undefined;
}

async function invalid(sql: Sql, build: Build): Promise<string[]> {
  const rows =
    await sql`select format('%I.%I', nspname, relname) as name from ${indexes(sql, build)} and not indisvalid`;
  return rows.map(({ name }) => name);
}

/** The indexes that the statement makes, by whatever name PostgreSQL gives them. */
const indexes = (sql: Sql, { name, on }: Build) => sql`
  pg_index join pg_class on pg_class.oid = indexrelid join pg_namespace on pg_namespace.oid = relnamespace
  where indrelid = coalesce((select indrelid from pg_index where indexrelid = to_regclass(${on})), to_regclass(${on}))
  and case when ${name === undefined} then relname ~ '_cc(new|old)[0-9]*$' else relname = ${name ?? ""} end`;

/** Waits while the server still builds for somebody who was killed: its index would come out valid. */
async function builderIsGone(sql: Sql, build: Build, { tag, onEvent, signal }: StatementContext): Promise<void> {
  for (let ms = 0; ; ms += 500) {
    const [builder] = await sql`
      select pid, (select relname from pg_class where oid = index_relid) as name from pg_stat_progress_create_index
      where index_relid in (select indexrelid from ${indexes(sql, build)})`;
    if (builder === undefined) return;
    const { pid, name } = builder;
    if (ms === 0) onEvent({ type: "waiting", tag, ms, behind: [`process ${pid} (still builds ${name})`] });
    await after(500, undefined, { signal });
  }
}

async function dropInvalid(sql: Sql, build: Build, { onEvent }: StatementContext): Promise<void> {
  for (const name of await invalid(sql, build)) {
    await sql.unsafe(`drop index concurrently ${name}`);
    onEvent({ type: "warning", message: `dropped the INVALID index ${name} that a failure had left` });
  }
}
