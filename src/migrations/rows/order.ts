import type { Table } from "./description.ts";

/**
 * Tables in an order in which each comes after those that it has to refer to, and as far as possible
 * after those that it may. A circle is entered where a reference may be null, or else anywhere.
 */
export function inOrder(tables: readonly Table[]): Table[] {
  const left = new Map(tables.map((table) => [table.oid, table]));
  const waits = (table: Table, counts: (required: boolean) => boolean) =>
    table.references.some((reference) => {
      if (reference.table === table.oid || !left.has(reference.table)) return false;
      const columns = table.columns.filter(({ number }) => reference.columns.includes(number));
      return counts(columns.every(({ required }) => required));
    });

  const ordered: Table[] = [];
  while (left.size > 0) {
    const all = [...left.values()];
    const next =
      all.find((table) => !waits(table, () => true)) ??
      all.find((table) => !waits(table, (required) => required)) ??
      all[0];
    if (next === undefined) break;
    ordered.push(next);
    left.delete(next.oid);
  }
  return ordered;
}
