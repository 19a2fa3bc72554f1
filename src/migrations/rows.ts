import type { Bookkeeping } from "./bookkeeping.ts";
import { type Connection, inSavepoint } from "./rows/connection.ts";
import { describe, listTables, nameOf, quoted, quoteName, type Table } from "./rows/description.ts";
import { createFill } from "./rows/fill.ts";
import { inOrder } from "./rows/order.ts";
import { createRandom } from "./rows/random.ts";

export interface FillOptions {
  /** Left alone, with its `_runs` table. */
  readonly bookkeeping?: Bookkeeping;
  /** "schema.table" of those to fill. Default: all. The others are referred to as they are. */
  readonly only?: ReadonlySet<string>;
  /** The same seed draws the same values. Default: 1. */
  readonly seed?: number;
}

/**
 * Puts rows into tables, by what their columns and constraints allow: where possible one with every
 * column filled, one with as few as possible and one in between. CHECKs are met by trying, with what
 * their definitions name. Tables are "schema.table", partitions count as their table, and what belongs
 * to an extension is left alone. `filled` have rows now, whoever put them there; `empty` took none, for
 * the reason given last. All in one transaction, or in a savepoint of the caller's, with constraints
 * checked at once.
 *
 * @throws what postgres.js throws when the connection is lost, or a time-out or deadlock ends it
 */
export function fillTables(
  sql: Connection,
  options: FillOptions = {},
): Promise<{ filled: string[]; empty: { table: string; reason: string }[] }> {
  return inSavepoint(sql, async (tx) => {
    await tx.unsafe("set constraints all immediate");
    const { tables, types } = await describe(tx);
    const { addRow, fillRow } = createFill(tx, { tables, types, random: createRandom(options.seed ?? 1) });
    const wanted = inOrder(tables).filter((table) => isWanted(table, options));

    const reasons = new Map<Table, string>();
    const before = new Set(tables.filter((table) => !wanted.includes(table)).map(({ oid }) => oid));
    const later: Table[] = [];
    for (const table of wanted) {
      for (const shape of ["full", "sparse", "mixed"] as const) {
        const reason = await addRow(table, shape);
        if (reason === undefined) continue;
        reasons.set(table, reason);
        if (shape === "full") await fillRow(table);
      }
      if (table.references.some((reference) => !before.has(reference.table))) later.push(table);
      before.add(table.oid);
    }
    // In a circle the first rows had nothing to refer to.
    for (const table of later) await addRow(table, "full");

    const filled: string[] = [];
    const empty: { table: string; reason: string }[] = [];
    for (const table of wanted) {
      const [row] = await tx.unsafe(`select exists (select from ${only(table)}) as filled`);
      if (row?.["filled"]) filled.push(nameOf(table));
      else empty.push({ table: nameOf(table), reason: reasons.get(table) ?? "a trigger or rule took the rows away" });
    }
    return { filled: filled.sort(), empty };
  });
}

function isWanted(table: Table, { bookkeeping, only: names }: FillOptions): boolean {
  const isBookkeeping =
    table.schema === bookkeeping?.schema && [bookkeeping.table, `${bookkeeping.table}_runs`].includes(table.name);
  return !isBookkeeping && (names === undefined || names.has(nameOf(table)));
}

/** Without the rows of tables that inherit from it; those of a partitioned table are all in its partitions. */
const only = (table: Pick<Table, "schema" | "name" | "partitioned">) =>
  `${table.partitioned ? "" : "only "}${quoted(table)}`;

/**
 * All rows of every table as JSON texts, sorted, by "schema.table"; of partitions under their table's
 * name. With `columns`, those columns of those tables alone; what is not there any more is left out.
 * Texts of two reads compare equal when session settings such as TimeZone were the same.
 */
export async function readRows(
  sql: Connection,
  columns?: ReadonlyMap<string, readonly string[]>,
): Promise<Map<string, string[]>> {
  const tables = (await listTables(sql)).filter((table) => columns === undefined || columns.has(nameOf(table)));
  if (tables.length === 0) return new Map();
  const selects = tables.map((table, index) => {
    const wanted = columns?.get(nameOf(table));
    const names = table.columns.filter((name) => wanted === undefined || wanted.includes(name));
    const list = names.map((name) => `one.${quoteName(name)}`);
    return `select ${index} as place, (select coalesce(json_agg(to_jsonb(cut)::text), '[]') from (select ${list} from ${only(table)} as one) as cut)::text as rows`;
  });
  const results = await sql.unsafe(selects.join("\nunion all\n"));
  const rows = new Map(results.map((row) => [row["place"] as number, JSON.parse(row["rows"]) as string[]]));
  return new Map(tables.map((table, index) => [nameOf(table), (rows.get(index) ?? []).sort()]));
}
