import type { TransactionSql } from "postgres";
import { blame } from "./blame.ts";
import { attempt } from "./connection.ts";
import type { Reference, Table, Type } from "./description.ts";
import type { Random } from "./random.ts";
import { createDraw, type Parents, type Row, type Shape } from "./row.ts";
import { insertOf, parentsOf, updateOf } from "./statements.ts";
import { createValues } from "./values.ts";

/** Attempts at one row. */
const patience = 200;

/** Puts rows into tables. Its functions return why that was refused, or undefined when it was not. */
export function createFill(
  tx: TransactionSql,
  { tables, types, random }: { tables: readonly Table[]; types: ReadonlyMap<string, Type>; random: Random },
) {
  const byOid = new Map(tables.map((table) => [table.oid, table]));
  const values = createValues(types, random);

  async function addRow(table: Table, shape: Shape): Promise<string | undefined> {
    const parents = await readParents(table);
    const orphan = table.references.find((reference) => isHopeless(table, reference, parents));
    if (orphan) return `${orphan.name}: no row that it could refer to is left`;
    const columns = table.columns.filter(({ given }) => !given).map(({ number }) => number);
    return tryRows(table, { shape, parents, columns, statementOf: insertOf });
  }

  /** Fills the columns of a row that is there, by a trigger or from before; those of keys and references stay. */
  async function fillRow(table: Table): Promise<string | undefined> {
    const kept = new Set([...table.keys, ...table.references].flatMap((constraint) => constraint.columns));
    const columns = table.columns
      .filter(({ number, given }) => !given && !kept.has(number))
      .map(({ number }) => number);
    if (columns.length === 0 || table.partitioned) return undefined;
    return tryRows(table, { shape: "full", parents: new Map(), columns, statementOf: updateOf });
  }

  async function tryRows(
    table: Table,
    options: {
      shape: Shape;
      parents: Parents;
      columns: readonly number[];
      statementOf: (table: Table, row: Row) => string;
    },
  ): Promise<string | undefined> {
    const { shape, parents } = options;
    const { draw } = createDraw(table, { values, random, columns: options.columns });
    const row: Row = new Map();
    let wrong = new Set(options.columns);
    let reason: string | undefined;
    for (let tries = 0; tries < patience; tries++) {
      draw(row, wrong, { shape, tries, parents });
      const refusal = await attempt(tx, options.statementOf(table, row));
      if (refusal === undefined) return undefined;
      reason = `${refusal.message} (SQLSTATE ${refusal.code})`;
      // A right or a function is missing: other values change nothing about it.
      if (/^42/.test(refusal.code)) break;
      wrong = blame(table, types, refusal, options.columns);
    }
    return reason;
  }

  async function readParents(table: Table): Promise<Parents> {
    const parents = new Map<Reference, string[][]>();
    for (const reference of table.references) {
      const target = byOid.get(reference.table);
      if (target === undefined) continue;
      const rows = await tx.unsafe(parentsOf(table, reference, target));
      parents.set(
        reference,
        rows.map((row) => row["key"] as string[]),
      );
    }
    return parents;
  }

  return { addRow, fillRow };
}

/** Whether a row cannot do without the reference, and there is nothing to refer to. */
function isHopeless(table: Table, reference: Reference, parents: Parents): boolean {
  const columns = table.columns.filter(({ number }) => reference.columns.includes(number));
  const canBeEmpty = columns.some(({ required, given }) => !required || given);
  return !canBeEmpty && reference.table !== table.oid && (parents.get(reference) ?? []).length === 0;
}
