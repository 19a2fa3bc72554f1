import type { Migration, Script } from "../journal/folder.ts";
import { withoutComments } from "../sql/comments.ts";

export type TableRows = ReadonlyMap<string, readonly string[]>;

/** Rows that were there and are no more, by table. */
export function missingRows(when: string, before: TableRows, after: TableRows): string[] {
  return [...before].flatMap(([table, rows]) => {
    const lost = subtract(rows, after.get(table) ?? []);
    return lost.length === 0
      ? []
      : [`${when} ${lost.length} of ${rows.length} rows of ${table} are gone or changed: ${lost[0]}`];
  });
}

/**
 * Whether after the down as many rows are there as before, and those that came while it was applied: they must
 * survive it, in whatever form, but those that the up has put in must be gone. More may be there in tables that
 * neither file puts rows into: those of a trigger that records changes.
 */
export function rowCountProblems(
  { up, down }: Migration,
  { before, after, filled, reverted }: Record<"before" | "after" | "filled" | "reverted", TableRows>,
): string[] {
  const targets = new Set([up, down].flatMap(targetsOf));
  return [...before].flatMap(([table, rows]) => {
    const [applied, later, left] = [after, filled, reverted].map((one) => one.get(table) ?? []) as [[], [], []];
    const expected = rows.length + later.length - applied.length;
    if (left.length < expected)
      return [`after its down ${expected - left.length} rows of ${table} are gone that came while it was applied`];
    if (left.length === expected || !targets.has(table.slice(table.indexOf(".") + 1))) return [];
    const own = subtract(applied, rows);
    const kept = own.filter((row) => (left as string[]).includes(row));
    const many = left.length - expected;
    return kept.length > 0
      ? [`after its down ${many} rows of ${table} are left over that its up has put in: ${kept[0]}`]
      : [`after its down ${many} rows of ${table} are there anew: ${subtract(left, later)[0]}`];
  });
}

/** Names of the tables that a script says to put rows into. */
function targetsOf(script: Script | undefined): string[] {
  const insert = /\b(?:into|copy)\s+(?:"?[\w$]+"?\s*\.\s*)?("[^"]+"|[\w$]+)/gi;
  return [...withoutComments(script?.sql ?? "").matchAll(insert)].map(([, name = ""]) =>
    name.startsWith('"') ? name.slice(1, -1) : name.toLowerCase(),
  );
}

/** The same rows without what differs from one time to the next. */
export function omitColumns(rows: TableRows, moving: ReadonlyMap<string, readonly string[]>): TableRows {
  return new Map(
    [...rows].map(([table, list]) => {
      const left = moving.get(table) ?? [];
      const cut = (row: string) =>
        JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(row)).filter(([name]) => !left.includes(name))));
      return [table, list.map(cut)];
    }),
  );
}

/** Each as often as it is there more often in the first. */
function subtract(rows: readonly string[], others: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const row of others) counts.set(row, (counts.get(row) ?? 0) + 1);
  return rows.filter((row) => {
    const count = counts.get(row) ?? 0;
    counts.set(row, count - 1);
    return count <= 0;
  });
}
