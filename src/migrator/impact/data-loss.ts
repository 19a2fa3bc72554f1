import type { Sql, TransactionSql } from "postgres";
import { codeOf } from "../../database/index.ts";
import {
  isEmptied,
  readTableCounters,
  settleConstraints,
  type TableCounters,
  type TableCountersByOid,
} from "../introspection/table-counters.ts";
import type { Migration } from "../journal/folder.ts";
import { statementsOf } from "../journal/script.ts";
import { execute, notInTransaction } from "../runner/execute.ts";
import { withMigratorLock } from "../runner/migrator-lock.ts";
import type { MigrationRun } from "../runner/step.ts";

/** Rows, or the values of a column, that undoing would destroy. */
export interface DataLoss {
  /** Undefined: it could not be tried, so that nobody knows which. */
  readonly table?: string | undefined;
  readonly column?: string | undefined;
  /** What becomes of them, such as "changed"; undefined: they are gone. */
  readonly change?: string | undefined;
  /** Undefined: nobody knows how many, for the reason given as `unknown`. */
  readonly rows?: number | undefined;
  readonly unknown?: string | undefined;
}

/** A loss, or what to count to know it: afterwards, in the table as it still is. */
interface Found extends DataLoss {
  readonly count?: { readonly what: string; readonly from: string };
}

/** Ends a transaction that was only to be looked at. */
class RollbackSignal extends Error {}

/**
 * What undoing these migrations would destroy: not guessed from their SQL, but seen by undoing them in a
 * transaction that is rolled back. Meanwhile others wait for the tables, so it gets twice the time that a
 * statement may stand in the queue for one; what takes longer is of unknown loss. The rows are counted
 * afterwards, when nobody has to wait for it.
 *
 * @throws {StatementError} when a down file fails
 */
export async function findDataLoss(run: MigrationRun, migrations: readonly Migration[]): Promise<DataLoss[]> {
  let found: Found[] = [];
  await withMigratorLock(run, migrations[0]?.tag ?? "", async (tx) => {
    const before = await readTableCounters(tx);
    const untried = await rehearse(tx, migrations, run);
    found = [...(await compare(tx, before)), ...untried];
    throw new RollbackSignal();
  }).catch((error: unknown) => {
    if (error instanceof RollbackSignal) return;
    if (codeOf(error) !== "57014" || run.signal?.aborted) throw error;
    found = [{ unknown: `trying it would make others wait for longer than ${(2 * run.lockTimeout) / 1000} s` }];
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
 * Runs the down files as far as a transaction can: what cannot run in one (dropping an index, say) loses no
 * rows, unless it detaches a partition, or is a program that commits; of those nothing is known.
 */
async function rehearse(tx: TransactionSql, migrations: readonly Migration[], run: MigrationRun): Promise<DataLoss[]> {
  const deadline = performance.now() + 2 * run.lockTimeout;
  // What they say is told when they run in earnest.
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
          untried.push({ unknown: `${down.file} has what cannot be tried in a transaction` });
      }
    }
    await settleConstraints(tx);
  }
  return untried;
}

/** What has become of the rows, by table; partitions count as the table that they are part of. */
async function compare(tx: TransactionSql, before: TableCountersByOid): Promise<Found[]> {
  // A reader who is not shown every row is told so by an error.
  await tx.unsafe("set local row_security = off");
  const after = await readTableCounters(tx);
  const isRewritten = ({ oid, file }: TableCounters) => after.has(oid) && after.get(oid)?.file !== file;
  const rewritten = new Set([...before.values()].filter(isRewritten).map(({ root }) => root));

  const found: Found[] = [];
  for (const table of before.values()) {
    const root = before.get(table.root) ?? table;
    const [now, top] = [after.get(table.oid), after.get(root.oid)];
    if (table === root && top === undefined) found.push({ table: root.name, count: allOf(root) });
    if (top === undefined) continue;
    if (table === root) found.push(...lostColumns(table, top, rewritten.has(root.oid)));
    if (table.kind !== "r") continue;
    if (now?.root !== table.root || (await isEmptied(tx, table, now)))
      found.push({ table: root.name, count: allOf(table) });
    else {
      found.push({ table: root.name, rows: now.deleted - table.deleted });
      found.push({ table: root.name, change: "changed", rows: now.updated - table.updated });
    }
  }
  return found;
}

/** Columns that are gone, or whose values were written anew as another type. */
function lostColumns(table: TableCounters, now: TableCounters, isRewritten: boolean): Found[] {
  return Object.entries(table.columns).flatMap(([number, { name, type }]): Found[] => {
    const loss = { table: table.name, column: name, count: allOf(table, name) };
    const is = now.columns[number];
    if (is === undefined) return [loss];
    return is.type !== type && isRewritten ? [{ ...loss, change: `turned into ${is.type}` }] : [];
  });
}

/** Without the rows of tables that inherit from it; those of a partitioned table are all in its partitions. */
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
