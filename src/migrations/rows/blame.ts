import type { Refusal } from "./connection.ts";
import type { Table, Type } from "./description.ts";
import { hasCheck } from "./row.ts";

/** Which of the columns that were drawn a row was refused for; all of them where that cannot be told. */
export function blame(
  table: Table,
  types: ReadonlyMap<string, Type>,
  refusal: Refusal,
  drawn: readonly number[],
): Set<number> {
  const guilty = columnsOf(table, types, refusal).filter((number) => drawn.includes(number));
  return new Set(guilty.length > 0 ? guilty : drawn);
}

function columnsOf(table: Table, types: ReadonlyMap<string, Type>, refusal: Refusal): readonly number[] {
  const name = refusal.constraint;
  const named = <C extends { name: string; columns: readonly number[] }>(list: readonly C[]) =>
    list.find((constraint) => constraint.name === name)?.columns;
  const columnsWhere = (holds: (column: Table["columns"][number]) => boolean) =>
    table.columns.filter(holds).map(({ number }) => number);

  if (refusal.code === "23514") {
    // No partition takes the row: that comes without a name.
    if (name === "") return columnsWhere((column) => table.partitionColumns.includes(column.name));
    return named(table.checks) ?? columnsWhere(({ type }) => hasCheck(types, type, name));
  }
  // On a partition the index has another name than on its table.
  if (refusal.code === "23505" || refusal.code === "23P01")
    return named(table.keys) ?? table.keys.flatMap(({ columns }) => columns);
  if (refusal.code === "23503") return named(table.references) ?? table.references.flatMap(({ columns }) => columns);
  if (refusal.code === "23502") return columnsWhere((column) => column.name === refusal.column);
  return [];
}
