import { type Privilege, servicePrivileges } from "./declaration.ts";

/** Columns of a line of printed SQL. */
const lineWidth = 110;

/**
 * The GRANT statements of the service's role: one for each table and schema, and one for all functions.
 *
 * @param role an SQL identifier
 */
export function grantStatements(role: string, privileges: readonly Privilege[] = servicePrivileges): string[] {
  const functions = privileges.filter(({ kind }) => kind === "function");
  const others = groups(
    privileges.filter(({ kind }) => kind !== "function"),
    objectOf,
  ).map(([object, ofObject]) => {
    const parts = groups(ofObject, ({ privilege }) => privilege.toLowerCase()).map(([privilege, entries]) => {
      const columns = entries.flatMap(({ column }) => column ?? []);
      return columns.length === 0 ? privilege : inLines(`${privilege} (`, columns, ")");
    });
    return parts.length === 1
      ? `grant ${parts[0]?.trim()} on ${object} to ${role};`
      : `grant\n  ${parts.join(",\n  ")}\non ${object} to ${role};`;
  });
  const names = functions.map(({ schema, name }) => `${schema}.${name}`);
  return [...others, `grant execute on function\n  ${inLines("", names, "")}\nto ${role};`];
}

/** A list in lines that are not too long. The lines after the first are indented by four spaces. */
function inLines(before: string, items: readonly string[], after: string): string {
  const lines: string[] = [];
  let line = before;
  for (const [index, item] of items.entries()) {
    const text = `${item}${index === items.length - 1 ? after : ","}`;
    if (line !== "" && line.length + text.length > lineWidth) {
      lines.push(line.trimEnd());
      line = "";
    }
    line += `${text} `;
  }
  return [...lines, line.trimEnd()].join("\n    ");
}

/** The object of a privilege, as GRANT names it. */
export const objectOf = ({ kind, schema, name }: Pick<Privilege, "kind" | "schema" | "name">): string =>
  name === null ? `schema ${schema}` : `${kind} ${schema}.${name}`;

/** The privilege with its object, for a message. */
export const textOf = (entry: Privilege): string =>
  `${entry.privilege}${entry.column === null ? "" : ` (${entry.column})`} on ${objectOf(entry)}`;

function groups<Item>(items: readonly Item[], keyOf: (item: Item) => string): [string, Item[]][] {
  const found = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = found.get(key);
    if (group === undefined) found.set(key, [item]);
    else group.push(item);
  }
  return [...found];
}
