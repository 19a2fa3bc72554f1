import type { Script } from "../journal/folder.ts";
import type { Statement } from "../journal/script.ts";
import { parse } from "../sql/grammar.ts";
import { placeIn } from "../sql/position.ts";

/**
 * Finds uses of an enum value in the transaction that adds it, where the SQL shows the type: in a cast or a column
 * default. PostgreSQL rejects them (55P04), unless the same transaction created the type.
 */
export async function findUncommittedEnumUses(script: Script, statements: readonly Statement[]): Promise<string[]> {
  const faults: string[] = [];
  if (script.noTransaction || !/\badd\s+value\b/i.test(script.sql)) return faults;
  const made = new Set<string>();
  const added = new Set<string>();
  for (const statement of statements) {
    for (const { stmt } of (await parse(statement.text)) ?? []) {
      const tree = (stmt ?? {}) as Tree;
      const uses = [...usesIn(tree)].find((use) => added.has(use));
      if (uses !== undefined) faults.push(describe(script, statement, uses));
      if (tree["CreateEnumStmt"] !== undefined) made.add(nameOf(tree["CreateEnumStmt"]["typeName"]));
      const { typeName, newVal, oldVal } = tree["AlterEnumStmt"] ?? {};
      const isNew = newVal !== undefined && oldVal === undefined && !made.has(nameOf(typeName));
      if (isNew) added.add(`'${newVal}'::${nameOf(typeName)}`);
    }
  }
  return faults;
}

// biome-ignore lint/suspicious/noExplicitAny: a syntax tree has hundreds of kinds of nodes, few of which are read here.
type Tree = Record<string, any>;

/** Yields `'value'::type` for every constant with an explicit type. */
function* usesIn(tree: unknown): Generator<string> {
  if (typeof tree !== "object" || tree === null) return;
  for (const [kind, node] of Object.entries(tree as Tree)) {
    if (kind === "TypeCast") yield* constant(node.arg, node.typeName);
    if (kind === "ColumnDef")
      for (const { Constraint } of node.constraints ?? []) yield* constant(Constraint?.raw_expr, node.typeName);
    yield* usesIn(node);
  }
}

function* constant(value: Tree | undefined, type: Tree | undefined): Generator<string> {
  const text = value?.["A_Const"]?.sval?.sval;
  if (text !== undefined) yield `'${text}'::${nameOf(type?.["names"])}`;
}

/** Omits the schema, because the search path is not known. */
const nameOf = (names: Tree[] | undefined): string => names?.at(-1)?.["String"]?.sval ?? "";

function describe(script: Script, { text, offset }: Statement, use: string): string {
  const { file, line, column } = placeIn(script.file, script.sql, offset);
  const [first] = text.split(/[\r\n]/);
  return (
    `${file}:${line}:${column}: ${first}\nIt uses ${use}, which this file adds: PostgreSQL takes the value only when its transaction is ` +
    'committed. Put ALTER TYPE … ADD VALUE into a migration of its own before this one, or begin the file with "-- migrate: no-transaction".'
  );
}
