import type { Column, Reference, Table, Type } from "./description.ts";
import { type Hints, joinHints, noHints, readHints } from "./literals.ts";
import { pick, type Random } from "./random.ts";
import type { Values } from "./values.ts";

/** A value as text, null, or undefined for what the database puts there by itself. */
type Cell = string | null | undefined;
/** Values by the columns' numbers. */
export type Row = Map<number, Cell>;
/** Every column filled, as few as possible, or by chance. */
export type Shape = "full" | "sparse" | "mixed";
/** Rows that a reference can point to: values of its targets. */
export type Parents = ReadonlyMap<Reference, readonly string[][]>;

/** What the constraints of a table say about each of its columns. */
function hintsOf(table: Table): Map<number, Hints> {
  const bounds = readHints(table.bounds);
  return new Map(
    table.columns.map(({ number, name }) => [
      number,
      joinHints(
        readHints(table.checks.filter(({ columns }) => columns.includes(number)).map(({ definition }) => definition)),
        table.partitionColumns.includes(name) ? bounds : noHints,
      ),
    ]),
  );
}

/** Draws rows for a table, and draws again what was wrong about them. */
export function createDraw(
  table: Table,
  { values, random, ...options }: { values: Values; random: Random; columns: readonly number[] },
) {
  const hints = hintsOf(table);
  const columns = table.columns.filter(({ number }) => options.columns.includes(number));
  const byNumber = new Map(columns.map((column) => [column.number, column]));

  function value({ number, type, typmod }: Column): string {
    return values.draw(type, typmod, hints.get(number) ?? noHints);
  }

  /** Draws the columns anew; the more attempts there were, the more is left empty. */
  function draw(
    row: Row,
    wrong: ReadonlySet<number>,
    options: { shape: Shape; tries: number; parents: Parents },
  ): void {
    const empty = {
      // At first a value that fits is looked for; but some CHECKs want a column to be null.
      full: options.tries < 40 ? 0.02 * Math.sign(options.tries) : 0.4,
      sparse: options.tries === 0 ? 1 : 0.5,
      mixed: 0.5,
    }[options.shape];
    for (const column of columns) {
      if (!wrong.has(column.number)) continue;
      const isEmpty = random() < empty;
      if (isEmpty && column.defaults && (column.required || random() < 0.5)) row.set(column.number, undefined);
      else row.set(column.number, isEmpty && !column.required ? null : value(column));
    }
    refer(row, wrong, { empty, parents: options.parents });
  }

  /**
   * References of which a column is wrong are drawn as a whole; the widest first, so that the narrower
   * ones follow them where they share columns.
   */
  function refer(row: Row, wrong: ReadonlySet<number>, { empty, parents }: { empty: number; parents: Parents }): void {
    const settled = new Set<number>();
    for (const reference of table.references) {
      if (!reference.columns.some((number) => wrong.has(number))) continue;
      const open = reference.columns.filter((number) => !settled.has(number) && byNumber.has(number));
      const nullable = open.filter((number) => !byNumber.get(number)?.required);
      const fitting = (parents.get(reference) ?? []).filter((parent) =>
        reference.columns.every((number, index) => open.includes(number) || row.get(number) === parent[index]),
      );
      if (nullable.length > 0 && (fitting.length === 0 || random() < empty)) {
        for (const number of nullable) row.set(number, null);
        for (const number of nullable) settled.add(number);
      } else if (fitting.length > 0) {
        const parent = pick(random, fitting);
        for (const [index, number] of reference.columns.entries()) {
          if (open.includes(number)) row.set(number, parent[index]);
          settled.add(number);
        }
      } else if (reference.table === table.oid) {
        referToItself(row, reference);
      }
    }
  }

  function referToItself(row: Row, { columns: from, targets }: Reference): void {
    for (const [index, number] of from.entries()) {
      const target = byNumber.get(targets[index] as number);
      if (target === undefined) continue;
      const own = row.get(target.number) ?? value(target);
      row.set(target.number, own);
      row.set(number, own);
    }
  }

  return { draw };
}

/** Whether a value of the type is, or contains, one of the domain with the constraint. */
export function hasCheck(types: ReadonlyMap<string, Type>, oid: string, name: string): boolean {
  const type = types.get(oid);
  if (type === undefined) return false;
  if (type.checks.some((check) => check.name === name)) return true;
  const inner = [type.base, type.element, type.subtype, type.range, ...(type.attributes ?? []).map((of) => of.type)];
  return inner.some((of) => of !== null && hasCheck(types, of, name));
}
