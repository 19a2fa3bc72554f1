import { quoted, quoteName, type Reference, type Table } from "./description.ts";
import type { Row } from "./row.ts";

/** Rows of another table that are known well enough to refer to. */
const acquaintances = 50;

export function insertOf(table: Table, row: Row): string {
  const cells = cellsOf(table, row);
  if (cells.length === 0) return `insert into ${quoted(table)} default values`;
  const names = cells.map(({ name }) => name);
  // Literals without a type take the input syntax of their column's.
  return `insert into ${quoted(table)} (${names}) values (${cells.map(({ value }) => value)})`;
}

/** For the first row that there is. */
export function updateOf(table: Table, row: Row): string {
  const changes = cellsOf(table, row).map(({ name, value }) => `${name} = ${value}`);
  const first = `(select ctid from only ${quoted(table)} order by ctid limit 1)`;
  return `update only ${quoted(table)} set ${changes} where ctid = ${first}`;
}

function cellsOf(table: Table, row: Row): { name: string; value: string }[] {
  return table.columns.flatMap(({ name, number }) => {
    const cell = row.get(number);
    return cell === undefined ? [] : [{ name: quoteName(name), value: cell === null ? "null" : literal(cell) }];
  });
}

/** Escaped so that it does not depend on standard_conforming_strings. */
const literal = (text: string) => `E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;

/** Keys that a reference can point to; where it is a key itself, those that nothing points to yet. */
export function parentsOf(table: Table, reference: Reference, target: Table): string {
  const pairs = reference.columns.map((number, index) => ({
    own: `child.${columnName(table, number)}`,
    other: `parent.${columnName(target, reference.targets[index] as number)}`,
  }));
  const isKey = table.keys.some(
    ({ columns }) => columns.length > 0 && columns.every((number) => reference.columns.includes(number)),
  );
  const taken = `select from ${quoted(table)} as child where ${pairs.map(({ own, other }) => `${own} = ${other}`).join(" and ")}`;
  return `
    select array[${pairs.map(({ other }) => `${other}::text`)}] as key from ${quoted(target)} as parent
    where ${pairs.map(({ other }) => `${other} is not null`).join(" and ")}
    ${isKey ? `and not exists (${taken})` : ""}
    order by 1 limit ${acquaintances}`;
}

function columnName(table: Table, number: number): string {
  const column = table.columns.find((one) => one.number === number);
  if (column === undefined) throw new TypeError(`${quoted(table)} has no column ${number}.`);
  return quoteName(column.name);
}
