import type { Sql, TransactionSql } from "postgres";
import { codeOf } from "../../database/index.ts";
import {
  isTruncated,
  readTableCounters,
  settleConstraints,
  type TableCounters,
  type TableCountersByOid,
} from "../introspection/table-counters.ts";
import type { Migration } from "../journal/folder.ts";
import { statementsOf } from "../journal/script.ts";
import { execute, notInTransaction } from "../runner/execute.ts";
import type { MigrationRun } from "../runner/migration-run.ts";
import { withMigratorLock } from "../runner/migrator-lock.ts";

/** Rows, or values of a column, that a down migration destroys. */
export interface DataLoss {
  /** Undefined when the down script could not be run in a transaction. */
  readonly table?: string | undefined;
  readonly column?: string | undefined;
  /** How they change, such as "changed"; undefined when they are deleted. */
  readonly change?: string | undefined;
  /** Undefined when the number is not known; `unknown` is the reason. */
  readonly rows?: number | undefined;
  readonly unknown?: string | undefined;
}

/** A data loss whose rows may still have to be counted, in the unchanged table. */
interface UncountedLoss extends DataLoss {
  readonly count?: { readonly what: string; readonly from: string };
}

/** Rolls the rehearsal back. */
class RollbackSignal extends Error {}

/**
 * Returns what reverting these migrations destroys. The down scripts run in a transaction that is rolled back, so
 * that the answer does not depend on an analysis of their SQL. The transaction holds locks, and is cancelled after
 * twice `lockTimeout`; the loss is then unknown. Rows are counted afterwards, without these locks.
 *
 * @throws {StatementError} when a down file fails
 */
export async function findDataLoss(run: MigrationRun, migrations: readonly Migration[]): Promise<DataLoss[]> {
  let found: UncountedLoss[] = [];
  await withMigratorLock(run, migrations[0]?.tag ?? "", async ({ tx }) => {
    const before = await readTableCounters(tx);
    const untried = await rehearse(tx, migrations, run);
    found = [...(await compare(tx, before)), ...untried];
    throw new RollbackSignal();
  }).catch((error: unknown) => {
    if (error instanceof RollbackSignal) return;
    if (codeOf(error) !== "57014" || run.signal?.aborted) throw error;
    found = [{ unknown: `a trial run would block other sessions for longer than ${(2 * run.lockTimeout) / 1000} s` }];
  });

  const losses = new Map<string, DataLoss>();
  for (const { count, ...loss } of found) {
    const counted = count === undefined ? loss : { ...loss, ...(await countRows(run.connections.sql, count)) };
    const key = JSON.stringify([loss.table, loss.column, loss.change]);
    losses.set(key, addUp(losses.get(key), counted));
  }
  return [...losses.values()].filter(({ rows, unknown }) => unknown !== undefined || (rows ?? 0) > 0);
}

/**
 * Runs the down scripts. Statements that cannot run in a transaction are skipped: they delete no rows, except
 * DETACH PARTITION CONCURRENTLY and procedures that commit, whose loss is unknown.
 */
async function rehearse(tx: TransactionSql, migrations: readonly Migration[], run: MigrationRun): Promise<DataLoss[]> {
  const deadline = performance.now() + 2 * run.lockTimeout;
  // The trial run reports no notices. The final run reports them.
  await tx.unsafe("set local client_min_messages = error");
  const untried: DataLoss[] = [];
  for (const { tag, down } of migrations) {
    if (down === undefined) continue;
    const context = { tag, direction: "down", script: down, signal: run.signal, onEvent: () => {} } as const;
    for (const statement of await statementsOf(down)) {
      const left = run.lockTimeout === 0 ? 0 : Math.max(1, Math.ceil(deadline - performance.now()));
      await tx.unsafe(`set local statement_timeout = ${left}`);
      try {
        await tx.savepoint((inner) => execute(inner, [statement], context));
      } catch (error) {
        if (!notInTransaction.has(codeOf(error) ?? "")) throw error;
        if (codeOf(error) === "2D000" || statement.words.includes("detach"))
          untried.push({ unknown: `${down.file} has a statement that cannot be tried in a transaction` });
      }
    }
    await settleConstraints(tx);
  }
  return untried;
}

/** Compares the counters of each table. Partitions are reported under the root of their partition tree. */
async function compare(tx: TransactionSql, before: TableCountersByOid): Promise<UncountedLoss[]> {
  // With row_security off, a query that row security would filter fails instead.
  await tx.unsafe("set local row_security = off");
  const after = await readTableCounters(tx);
  const isRewritten = ({ oid, file }: TableCounters) => after.has(oid) && after.get(oid)?.file !== file;
  const rewritten = new Set([...before.values()].filter(isRewritten).map(({ root }) => root));

  const found: UncountedLoss[] = [];
  for (const table of before.values()) {
    const root = before.get(table.root) ?? table;
    const [now, top] = [after.get(table.oid), after.get(root.oid)];
    if (table === root && top === undefined) found.push({ table: root.name, count: allOf(root) });
    if (top === undefined) continue;
    if (table === root) found.push(...lostColumns(table, top, rewritten.has(root.oid)));
    if (table.kind !== "r") continue;
    if (now?.root !== table.root || (await isTruncated(tx, table, now)))
      found.push({ table: root.name, count: allOf(table) });
    else {
      found.push({ table: root.name, rows: now.deleted - table.deleted });
      found.push({ table: root.name, change: "changed", rows: now.updated - table.updated });
    }
  }
  return found;
}

/** Columns that are dropped, or whose values are rewritten as another type. */
function lostColumns(table: TableCounters, now: TableCounters, isRewritten: boolean): UncountedLoss[] {
  return Object.entries(table.columns).flatMap(([number, { name, type }]): UncountedLoss[] => {
    const loss = { table: table.name, column: name, count: allOf(table, name) };
    const is = now.columns[number];
    if (is === undefined) return [loss];
    return is.type !== type && isRewritten ? [{ ...loss, change: `turned into ${is.type}` }] : [];
  });
}

/** ONLY leaves out the rows of inheriting tables. The rows of a partitioned table are all in its partitions. */
const allOf = ({ name, kind }: TableCounters, what = "*") => ({ what, from: `${kind === "r" ? "only " : ""}${name}` });

async function countRows(sql: Sql, { what, from }: { what: string; from: string }): Promise<Partial<DataLoss>> {
  try {
    const [row] = await sql.begin(async (tx) => {
      await tx.unsafe("set local row_security = off; set local statement_timeout = 0");
      return tx.unsafe(`select count(${what}) as rows from ${from}`);
    });
    return { rows: Number(row?.["rows"]) };
  } catch (error) {
    if (codeOf(error) !== "42501" || !(error instanceof Error)) throw error;
    return { unknown: error.message };
  }
}

function addUp(one: DataLoss | undefined, other: DataLoss): DataLoss {
  if (one === undefined) return other;
  const unknown = one.unknown ?? other.unknown;
  if (unknown !== undefined) return { ...one, rows: undefined, unknown };
  return { ...one, rows: (one.rows ?? 0) + (other.rows ?? 0) };
}
