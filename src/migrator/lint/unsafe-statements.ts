import type { Script } from "../journal/folder.ts";
import { placeOf, readScript, type Statement } from "../journal/script.ts";
import { withoutComments } from "../sql/comments.ts";
import { parse } from "../sql/grammar.ts";

/** What may lose rows or keep everybody out, and squawk lets pass; the name excuses it. */
const unsafeStatements = {
  truncate: "TRUNCATE empties a table",
  "delete-all": "DELETE without WHERE empties a table",
  "update-all": "UPDATE without WHERE changes every row, and keeps all of them locked",
  "merge-delete": "MERGE deletes rows",
  cascade: "CASCADE drops whatever depends on it, too",
  "do-block": "a DO block loses data where squawk does not look",
  cluster: "CLUSTER writes a table anew, and nobody can read it meanwhile",
  "vacuum-full": "VACUUM FULL writes a table anew, and nobody can read it meanwhile",
};

type UnsafeStatement = keyof typeof unsafeStatements;

/** What is dangerous in a script, unless the line above says `-- migrate-ignore <name> <reason>`. */
export async function findUnsafeStatements(script: Script): Promise<string[]> {
  // Reading PostgreSQL's grammar takes long, and few migrations have any of these words.
  if (!suspicious.test(script.sql)) return [];
  const faults: string[] = [];
  for (const statement of (await readScript(script)).statements) {
    for (const danger of await dangersOf(statement)) {
      if (isExcused(statement, danger)) continue;
      const { file, line } = placeOf(script, statement);
      faults.push(
        `${file}:${line}: ${unsafeStatements[danger]}. If it is meant to, write above it: -- migrate-ignore ${danger} <reason>`,
      );
    }
  }
  return faults;
}

const suspicious = /\b(truncate|delete|update|merge|cascade|do|cluster|vacuum)\b/i;

async function dangersOf({ text }: Statement): Promise<Set<UnsafeStatement>> {
  const found = new Set<UnsafeStatement>();
  if (!suspicious.test(text)) return found;
  for (const { stmt } of (await parse(text)) ?? []) visit(stmt, found);
  return found;
}

/** Anywhere in a tree: a WITH may delete, too. */
function visit(tree: unknown, found: Set<UnsafeStatement>): void {
  if (typeof tree !== "object" || tree === null) return;
  for (const [kind, node] of Object.entries(tree)) {
    const danger = dangerOf(kind, node);
    if (danger !== undefined) found.add(danger);
    // What a function is made of is not run.
    if (kind !== "CreateFunctionStmt") visit(node, found);
  }
}

function dangerOf(kind: string, node: Record<string, unknown>): UnsafeStatement | undefined {
  if (kind === "TruncateStmt") return "truncate";
  if (kind === "DeleteStmt") return node["whereClause"] === undefined ? "delete-all" : undefined;
  if (kind === "UpdateStmt") return node["whereClause"] === undefined ? "update-all" : undefined;
  if (kind === "MergeWhenClause") return node["commandType"] === "CMD_DELETE" ? "merge-delete" : undefined;
  if (kind === "DropStmt" || kind === "AlterTableCmd" || kind === "DropOwnedStmt")
    return node["behavior"] === "DROP_CASCADE" ? "cascade" : undefined;
  if (kind === "DoStmt") return loses.test(programOf(node)) ? "do-block" : undefined;
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

/** In the text of a program. */
const loses =
  /\bdrop\s+(table|column|schema|type|domain|sequence|materialized|foreign|owned|if\s+exists)\b|\btruncate\b|\bcascade\b|\bdelete\s+from\s+(only\s+)?[^\s;']+\s*(;|'|$)/i;

/** By a comment right above it. */
function isExcused({ comments }: Statement, danger: UnsafeStatement): boolean {
  return comments.some((line) => /^--\s*migrate-ignore\s+(\S+)\s+\S/.exec(line)?.[1] === danger);
}
