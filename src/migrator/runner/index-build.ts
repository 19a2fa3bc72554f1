import { setTimeout as delay } from "node:timers/promises";
import type { Sql } from "postgres";
import type { IndexBuild } from "./concurrent-index.ts";
import type { StatementContext } from "./execute.ts";

/** Interval at which a build of another session is checked (ms). */
const checkInterval = 500;

/**
 * Builds an index concurrently. It waits for a build that a killed run has started, skips an index that this build has
 * completed, and drops an INVALID index that a failed build has left.
 *
 * @param options.mayBeDone whether a killed run may have built the index without recording it
 */
export async function buildIndex(
  sql: Sql,
  index: IndexBuild,
  options: { context: StatementContext; mayBeDone: boolean; build: () => Promise<void> },
): Promise<void> {
  const { context, mayBeDone, build } = options;
  await waitForOtherBuild(sql, index, context);
  if (mayBeDone && (await isBuilt(sql, index))) return;
  await dropInvalidIndexes(sql, index, context);
  try {
    await build();
  } catch (error) {
    await cleanUpFailedBuild(sql, index, context);
    throw error;
  }
}

/** The server can continue a build after its client was killed, and complete the index. */
async function waitForOtherBuild(sql: Sql, index: IndexBuild, context: StatementContext): Promise<void> {
  const { tag, onEvent, signal } = context;
  for (let ms = 0; ; ms += checkInterval) {
    const [builder] = await sql`
      select pid, (select relname from pg_class where oid = index_relid) as name from pg_stat_progress_create_index
      where index_relid in (select indexrelid from ${indexesOf(sql, index)})`;
    if (builder === undefined) return;
    const { pid, name } = builder;
    if (ms === 0) onEvent({ type: "waiting", tag, ms, behind: [`process ${pid} (still builds ${name})`] });
    await delay(checkInterval, undefined, { signal });
  }
}

async function isBuilt(sql: Sql, index: IndexBuild): Promise<boolean> {
  const [row] = await sql`select 1 from ${indexesOf(sql, index)} and indisvalid`;
  return index.name !== undefined && row !== undefined;
}

async function dropInvalidIndexes(sql: Sql, index: IndexBuild, { onEvent }: StatementContext): Promise<void> {
  for (const name of await invalidIndexes(sql, index)) {
    await sql.unsafe(`drop index concurrently ${name}`);
    onEvent({ type: "warning", message: `dropped the INVALID index ${name} that a failed build had left` });
  }
}

/** Drops what a failed build has left. An error of it is a warning: the build's own error is the one to report. */
async function cleanUpFailedBuild(sql: Sql, index: IndexBuild, context: StatementContext): Promise<void> {
  try {
    if (!context.signal?.aborted) return await dropInvalidIndexes(sql, index, context);
    // The drop would wait for the transactions that the build waited for, and the run is to stop.
    for (const name of await invalidIndexes(sql, index))
      context.onEvent({ type: "warning", message: `the INVALID index ${name} is left: the next run drops it` });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    context.onEvent({ type: "warning", message: `an INVALID index may be left, which the next run drops: ${reason}` });
  }
}

async function invalidIndexes(sql: Sql, index: IndexBuild): Promise<string[]> {
  const rows =
    await sql`select format('%I.%I', nspname, relname) as name from ${indexesOf(sql, index)} and not indisvalid`;
  return rows.map(({ name }) => name);
}

/** FROM and WHERE of the indexes that the statement builds. REINDEX gives them names of PostgreSQL's choice. */
const indexesOf = (sql: Sql, { name, on }: IndexBuild) => sql`
  pg_index join pg_class on pg_class.oid = indexrelid join pg_namespace on pg_namespace.oid = relnamespace
  where indrelid = coalesce((select indrelid from pg_index where indexrelid = to_regclass(${on})), to_regclass(${on}))
  and case when ${name === undefined} then relname ~ '_cc(new|old)[0-9]*$' else relname = ${name ?? ""} end`;
