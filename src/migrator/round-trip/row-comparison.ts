import type { Migration, Script } from "../journal/folder.ts";
import { withoutComments } from "../sql/comments.ts";

export type TableRows = ReadonlyMap<string, readonly string[]>;

/** Describes the rows that are in `before` but not in `after`. */
export function missingRows(when: string, before: TableRows, after: TableRows): string[] {
  return [...before].flatMap(([table, rows]) => {
    const lost = subtract(rows, after.get(table) ?? []);
    return lost.length === 0
      ? []
      : [`${when} ${lost.length} of ${rows.length} rows of ${table} are gone or changed: ${lost[0]}`];
  });
}

/**
 * Compares the number of rows after the down with the rows before the up plus the rows inserted between up and down.
 * Rows that the up inserted must be gone. Surplus rows are accepted in tables that neither script inserts into,
 * because a trigger may record changes there.
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
      return [
        `after its down ${expected - left.length} rows of ${table} that were inserted while it was applied are gone`,
      ];
    if (left.length === expected || !targets.has(table.slice(table.indexOf(".") + 1))) return [];
    const own = subtract(applied, rows);
    const kept = own.filter((row) => (left as string[]).includes(row));
    const many = left.length - expected;
    return kept.length > 0
      ? [`after its down ${many} rows of ${table} that its up inserted are left over: ${kept[0]}`]
      : [`after its down ${many} rows of ${table} are new: ${subtract(left, later)[0]}`];
  });
}

/** Returns the names of the tables that a script inserts into. */
function targetsOf(script: Script | undefined): string[] {
  const insert = /\b(?:into|copy)\s+(?:"?[\w$]+"?\s*\.\s*)?("[^"]+"|[\w$]+)/gi;
  return [...withoutComments(script?.sql ?? "").matchAll(insert)].map(([, name = ""]) =>
    name.startsWith('"') ? name.slice(1, -1) : name.toLowerCase(),
  );
}

/** Returns the rows without the given columns. */
export function omitColumns(rows: TableRows, omitted: ReadonlyMap<string, readonly string[]>): TableRows {
  return new Map(
    [...rows].map(([table, list]) => {
      const names = omitted.get(table) ?? [];
      const cut = (row: string) =>
        JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(row)).filter(([name]) => !names.includes(name))));
      return [table, list.map(cut)];
    }),
  );
}

/** Multiset difference. */
function subtract(rows: readonly string[], others: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const row of others) counts.set(row, (counts.get(row) ?? 0) + 1);
  return rows.filter((row) => {
    const count = counts.get(row) ?? 0;
    counts.set(row, count - 1);
    return count <= 0;
  });
}
