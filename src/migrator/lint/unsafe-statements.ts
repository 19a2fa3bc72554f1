import type { Script } from "../journal/folder.ts";
import { placeOf, readScript, type Statement } from "../journal/script.ts";
import { withoutComments } from "../sql/comments.ts";
import { parse } from "../sql/grammar.ts";

/** Statements that delete data or block all access and that squawk does not report, by the name that permits them. */
const unsafeStatements = {
  truncate: "TRUNCATE empties a table",
  "delete-all": "DELETE without WHERE empties a table",
  "update-all": "UPDATE without WHERE changes and locks every row",
  "merge-delete": "MERGE deletes rows",
  cascade: "CASCADE also drops all dependent objects",
  "do-block": "a DO block deletes data, which squawk does not check",
  cluster: "CLUSTER rewrites a table and blocks reads meanwhile",
  "vacuum-full": "VACUUM FULL rewrites a table and blocks reads meanwhile",
};

type UnsafeStatement = keyof typeof unsafeStatements;

/** Returns the unsafe statements of a script that have no `-- migrate-ignore <name> <reason>` comment above them. */
export async function findUnsafeStatements(script: Script): Promise<string[]> {
  // Parsing is slow, and few migrations contain any of these words.
  if (!suspicious.test(script.sql)) return [];
  const faults: string[] = [];
  for (const statement of (await readScript(script)).statements) {
    for (const kind of await unsafeKindsOf(statement)) {
      if (isPermitted(statement, kind)) continue;
      const { file, line } = placeOf(script, statement);
      faults.push(
        `${file}:${line}: ${unsafeStatements[kind]}. If this is intended, write above it: -- migrate-ignore ${kind} <reason>`,
      );
    }
  }
  return faults;
}

const suspicious = /\b(truncate|delete|update|merge|cascade|do|cluster|vacuum)\b/i;

async function unsafeKindsOf({ text }: Statement): Promise<Set<UnsafeStatement>> {
  const found = new Set<UnsafeStatement>();
  if (!suspicious.test(text)) return found;
  for (const { stmt } of (await parse(text)) ?? []) visit(stmt, found);
  return found;
}

/** Visits the whole tree, because a WITH query can delete rows. */
function visit(tree: unknown, found: Set<UnsafeStatement>): void {
  if (typeof tree !== "object" || tree === null) return;
  for (const [kind, node] of Object.entries(tree)) {
    const unsafe = unsafeKindOf(kind, node);
    if (unsafe !== undefined) found.add(unsafe);
    // The body of a function is not run.
    if (kind !== "CreateFunctionStmt") visit(node, found);
  }
}

function unsafeKindOf(kind: string, node: Record<string, unknown>): UnsafeStatement | undefined {
  if (kind === "TruncateStmt") return "truncate";
  if (kind === "DeleteStmt") return node["whereClause"] === undefined ? "delete-all" : undefined;
  if (kind === "UpdateStmt") return node["whereClause"] === undefined ? "update-all" : undefined;
  if (kind === "MergeWhenClause") return node["commandType"] === "CMD_DELETE" ? "merge-delete" : undefined;
  if (kind === "DropStmt" || kind === "AlterTableCmd" || kind === "DropOwnedStmt")
    return node["behavior"] === "DROP_CASCADE" ? "cascade" : undefined;
  if (kind === "DoStmt") return dataLoss.test(programOf(node)) ? "do-block" : undefined;
  if (kind === "ClusterStmt" || kind === "RepackStmt") return "cluster";
  if (kind === "VacuumStmt") return JSON.stringify(node).includes('"defname":"full"') ? "vacuum-full" : undefined;
  return undefined;
}

/** The text of a DO block, without its comments. */
function programOf({ args }: Record<string, unknown>): string {
  const texts = (args as { DefElem?: { defname?: string; arg?: { String?: { sval?: string } } } }[]).flatMap(
    ({ DefElem }) => (DefElem?.defname === "as" ? (DefElem.arg?.String?.sval ?? "") : []),
  );
  return withoutComments(texts.join("\n"));
}

/** Matches statements in a program that delete data. */
const dataLoss =
  /\bdrop\s+(table|column|schema|type|domain|sequence|materialized|foreign|owned|if\s+exists)\b|\btruncate\b|\bcascade\b|\bdelete\s+from\s+(only\s+)?[^\s;']+\s*(;|'|$)/i;

/** Whether a comment directly above the statement permits it. */
function isPermitted({ comments }: Statement, kind: UnsafeStatement): boolean {
  return comments.some((line) => /^--\s*migrate-ignore\s+(\S+)\s+\S/.exec(line)?.[1] === kind);
}
