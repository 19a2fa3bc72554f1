import { compareCatalogs, readCatalog } from "./catalog.ts";
import type { Target } from "./connect.ts";
import { MigrationError } from "./errors.ts";
import { execute } from "./execute.ts";
import { type Migration, readMigrations } from "./folder.ts";
import type { MigrateOptions } from "./options.ts";
import { fillTables, readRows } from "./rows.ts";
import { withScratch } from "./scratch.ts";
import { refuseServerWide } from "./server-wide.ts";
import { statementsOf } from "./statements.ts";
import { type Run, takeStep } from "./step.ts";

export interface VerifyOptions extends Omit<MigrateOptions, "target" | "onEvent"> {
  /** The server on which a scratch database is made; nothing else there is touched. */
  readonly server: Target;
  /** Whether the server is there to be thrown away, so that its roles and settings may be changed, too. */
  readonly disposable?: boolean | undefined;
  /** Only the newest so many; those before them are applied unproved. */
  readonly steps?: number | undefined;
  /** Told of each as soon as it is known. */
  readonly onProof?: ((proof: Proof) => void) | undefined;
}

/** What was found of one migration's way back. */
export interface Proof {
  readonly tag: string;
  readonly outcome: "proved" | "irreversible" | "failed" | "not tried";
  /** What is wrong; or why it cannot be undone. */
  readonly reasons: readonly string[];
  /** Tables that took no rows, so that the proof says nothing of theirs. */
  readonly empty: readonly { readonly table: string; readonly reason: string }[];
  /** ms */
  readonly duration: number;
}

/**
 * Proves every way back, on a scratch database with rows in every table: up, down and up again must leave
 * the catalog and the rows that were there as they were. A migration that fails is reported, and the next
 * one is proved on a database that was built without its down.
 *
 * @throws {MigrationError} when no scratch database can be made, or a migration would change the whole server
 */
export async function verify(options: VerifyOptions): Promise<readonly Proof[]> {
  const migrations = readMigrations(options.folder);
  const first = options.steps === undefined ? 0 : Math.max(0, migrations.length - options.steps);
  if (!options.disposable) await refuseServerWide(migrations.flatMap(({ up, down, rows }) => [up, down, rows]));
  const proofs: Proof[] = [];
  let next = first;
  while (next < migrations.length) {
    const found = await withScratch(options.server, options, (run) => proveFrom(run, next, options));
    proofs.push(...found);
    next += found.length;
  }
  return proofs;
}

/** Proves one after the other, until one has left the database as it should not be. */
async function proveFrom(run: Run, first: number, { onProof }: Pick<VerifyOptions, "onProof">): Promise<Proof[]> {
  for (const migration of run.migrations.slice(0, first)) await takeStep(run, migration, "up");
  await fill(run, undefined, await readColumns(run), new Map());

  const proofs: Proof[] = [];
  const add = (proof: Proof) => {
    proofs.push(proof);
    onProof?.(proof);
  };
  for (const [index, migration] of run.migrations.entries()) {
    if (index < first) continue;
    const { tag } = migration;
    const started = performance.now();
    const found = await prove(run, migration).catch(asFailure);
    add({ tag, ...found, duration: Math.round(performance.now() - started) });
    if (found.outcome !== "failed") continue;
    if (found.stuck) {
      for (const { tag: behind } of run.migrations.slice(index + 1))
        add({ tag: behind, outcome: "not tried", reasons: [`${tag} could not be applied`], empty: [], duration: 0 });
    }
    break;
  }
  return proofs;
}

interface Finding extends Pick<Proof, "outcome" | "reasons" | "empty"> {
  /** Not even its up works. */
  readonly stuck?: boolean;
}

function asFailure(error: unknown): Finding {
  if (!(error instanceof MigrationError)) throw error;
  return { outcome: "failed", reasons: [error.message], empty: [] };
}

async function prove(run: Run, migration: Migration): Promise<Finding> {
  const { down } = migration;
  const before = await look(run, await readColumns(run));
  try {
    await takeStep(run, migration, "up");
  } catch (error) {
    return { ...asFailure(error), stuck: true };
  }
  const after = await look(run, before.columns);
  const empty = await fill(run, migration, await readColumns(run), before.columns);
  if (down === undefined) return { outcome: "failed", reasons: [`it has no ${migration.tag}.down.sql`], empty };
  if (down.irreversible !== undefined) return { outcome: "irreversible", reasons: [down.irreversible], empty };
  if ((await statementsOf(down)).length === 0)
    return { outcome: "failed", reasons: [`${down.file} is empty: nothing is undone`], empty };

  const filled = await readRows(run.connections.sql, before.columns);
  await takeStep(run, migration, "down");
  const undone = await look(run, before.columns);
  const reasons = [
    ...differences("after its down", before.catalog, undone.catalog),
    ...lostRows("after its down", before.rows, undone.rows),
  ];
  // Rows that came while it was applied must survive it, too, in whatever form.
  if (reasons.length === 0) reasons.push(...lostRows("after its down", countsOnly(filled), countsOnly(undone.rows)));
  if (reasons.length > 0) return { outcome: "failed", reasons, empty };

  await takeStep(run, migration, "up");
  const again = await look(run, before.columns);
  reasons.push(
    ...differences("after up, down and up", after.catalog, again.catalog),
    ...lostRows("after up, down and up", after.rows, again.rows),
  );
  await fill(run, migration, await readColumns(run), before.columns);
  return { outcome: reasons.length > 0 ? "failed" : "proved", reasons, empty };
}

interface View {
  readonly catalog: readonly string[];
  readonly rows: ReadonlyMap<string, readonly string[]>;
  /** Every table's columns, to read the same ones again. */
  readonly columns: ReadonlyMap<string, readonly string[]>;
}

async function look({ connections, bookkeeping }: Run, columns: View["columns"]): Promise<View> {
  const { sql } = connections;
  return { catalog: await readCatalog(sql, { bookkeeping }), rows: await readRows(sql, columns), columns };
}

async function readColumns({ connections, bookkeeping }: Run): Promise<View["columns"]> {
  const { sql } = connections;
  const ours = [bookkeeping.table, `${bookkeeping.table}_runs`];
  const rows = await sql`
    select table_schema || '.' || table_name as table, json_agg(column_name order by ordinal_position) as columns
    from information_schema.columns
    where table_schema not in ('pg_catalog', 'information_schema')
    and not (table_schema = ${bookkeeping.schema} and table_name in ${sql(ours)})
    group by 1`;
  return new Map(rows.map(({ table, columns }) => [table, columns]));
}

/** Rows in every table that the migration has made or changed: by its own `.rows.sql`, or as the columns allow. */
async function fill(
  { connections, bookkeeping, signal }: Run,
  migration: Migration | undefined,
  columns: View["columns"],
  before: View["columns"],
): Promise<Proof["empty"]> {
  const { sql } = connections;
  if (migration?.rows !== undefined) {
    const { tag, rows: script } = migration;
    const statements = await statementsOf(script);
    const context = { tag, direction: "up", script, signal, onEvent: () => {} } as const;
    await sql.begin((tx) => execute(tx, statements, context));
  }
  const changed = [...columns].filter(([table, names]) => String(before.get(table)) !== String(names));
  const { empty } = await fillTables(sql, { bookkeeping, only: new Set(changed.map(([table]) => table)) });
  return empty;
}

function differences(when: string, before: readonly string[], after: readonly string[]): string[] {
  const { missing, extra } = compareCatalogs(before, after);
  return [
    ...missing.map((line) => `${when} this is missing: ${line}`),
    ...extra.map((line) => `${when} this is left over: ${line}`),
  ];
}

/** Rows that were there and are no more, or came anew, by table. */
function lostRows(when: string, before: View["rows"], after: View["rows"]): string[] {
  return [...before].flatMap(([table, rows]) => {
    const left = [...(after.get(table) ?? [])];
    const lost = rows.filter((row) => {
      const index = left.indexOf(row);
      if (index !== -1) left.splice(index, 1);
      return index === -1;
    });
    return lost.length === 0
      ? []
      : [`${when} ${lost.length} of ${rows.length} rows of ${table} are gone or changed: ${lost[0]}`];
  });
}

const countsOnly = (rows: View["rows"]): View["rows"] =>
  new Map([...rows].map(([table, list]) => [table, list.map((_, index) => `row ${index + 1}`)]));
