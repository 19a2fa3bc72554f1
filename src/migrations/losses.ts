import type { TransactionSql } from "postgres";
import { codeOf } from "../database/retry.ts";
import { execute } from "./execute.ts";
import type { Migration } from "./folder.ts";
import { asOnlyMigrator } from "./lock.ts";
import { statementsOf } from "./statements.ts";
import type { Run } from "./step.ts";

/** Rows, or the values of a column, that undoing would destroy. */
export interface Loss {
  readonly table: string;
  readonly column?: string | undefined;
  readonly rows: number;
}

/** Ends a transaction that was only to be looked at. */
class Enough extends Error {}

/**
 * What undoing these migrations would destroy: not guessed from their SQL, but seen by undoing them in a
 * transaction that is rolled back. The rows are counted afterwards, when nobody has to wait for it.
 *
 * @throws {StatementError} when a down file fails
 */
export async function findLosses(run: Run, migrations: readonly Migration[]): Promise<Loss[]> {
  let gone: Gone[] = [];
  await asOnlyMigrator(run, migrations[0]?.tag ?? "", async (tx) => {
    await tx.unsafe(snapshotSql);
    for (const migration of migrations) await rehearse(tx, migration, run);
    gone = (await tx.unsafe<Gone[]>(goneSql)).map((row) => ({ ...row }));
    throw new Enough();
  }).catch((error: unknown) => {
    if (!(error instanceof Enough)) throw error;
  });

  const losses: Loss[] = [];
  for (const { name, column, counted, left } of gone) {
    const rows = Number(left ?? 0);
    if (counted === null) losses.push({ table: name, rows });
    else {
      const [row] = await run.connections.sql.unsafe(`select count(${counted}) as rows from ${name}`);
      losses.push({ table: name, column: column ?? undefined, rows: Number(row?.["rows"]) - rows });
    }
  }
  return losses.filter(({ rows }) => rows > 0);
}

/** Runs a down file as far as a transaction can: what cannot run in one (dropping an index, say) loses no rows. */
async function rehearse(tx: TransactionSql, { tag, down }: Migration, { signal }: Run): Promise<void> {
  if (down === undefined) return;
  const context = { tag, direction: "down", script: down, signal, onEvent: () => {} } as const;
  for (const statement of await statementsOf(down)) {
    try {
      await tx.savepoint((inner) => execute(inner, [statement], context));
    } catch (error) {
      if (codeOf(error) !== "25001") throw error;
    }
  }
}

interface Gone {
  readonly name: string;
  readonly column: string | null;
  /** What to count outside; null: `left` says how many rows were deleted. */
  readonly counted: string | null;
  readonly left: string | null;
}

const userTables = `
  relkind in ('r', 'p', 'm') and relpersistence <> 't' and not exists (
    select 1 from pg_inherits join pg_class parent on parent.oid = inhparent
    where inhrelid = pg_class.oid and parent.relkind = 'p')
  and relnamespace not in (select oid from pg_namespace where nspname ~ '^pg_' or nspname = 'information_schema')`;

/** Tables and columns as they are before; a partitioned table stands for its parts. */
const snapshotSql = `
  create temporary table tables_before on commit drop as
  select pg_class.oid, format('%I.%I', nspname, relname) as name, relfilenode
  from pg_class join pg_namespace on pg_namespace.oid = relnamespace where ${userTables};
  create temporary table columns_before on commit drop as
  select attrelid, attnum, attname from pg_attribute join tables_before on oid = attrelid
  where attnum > 0 and not attisdropped`;

const goneSql = `
  select name, null as column, '*' as counted, null as left
  from tables_before where oid not in (select oid from pg_class)
  union all
  select name, columns_before.attname, format('%I', columns_before.attname), null
  from columns_before join tables_before on tables_before.oid = attrelid
  join pg_attribute using (attrelid, attnum) where attisdropped
  union all
  select name, null, null, pg_stat_get_xact_tuples_deleted(oid)::text
  from tables_before join pg_class using (oid) where pg_stat_get_xact_tuples_deleted(oid) > 0`;
