import { MigrationError } from "../errors.ts";
import type { Script } from "../journal/folder.ts";
import { placeOf, readScript, type Statement } from "../journal/script.ts";
import { withoutComments } from "../sql/comments.ts";
import { parse } from "../sql/grammar.ts";

/**
 * Rejects scripts that change cluster-wide objects: roles, tablespaces, other databases and server settings. A
 * scratch database does not isolate these from other users of the server.
 *
 * @throws {MigrationError} with every such statement and a remedy
 */
export async function refuseClusterWideStatements(scripts: readonly (Script | undefined)[]): Promise<void> {
  const found: string[] = [];
  for (const script of scripts) {
    // Parsing is slow, and few migrations contain any of these words.
    if (script === undefined || !suspicious.test(script.sql)) continue;
    for (const statement of (await readScript(script)).statements) {
      if (!suspicious.test(statement.text) || !(await isClusterWide(statement))) continue;
      const { file, line } = placeOf(script, statement);
      found.push(`  - ${file}:${line}: ${statement.text.split(/[\r\n]/)[0]}`);
    }
  }
  if (found.length === 0) return;
  throw new MigrationError(
    [
      "Nothing was run, because these statements change cluster-wide objects, not only a scratch database:",
      ...found,
      "Specify a disposable server with --scratch <url>.",
    ].join("\n"),
  );
}

const suspicious =
  /\b(roles?|users?|group|grant|revoke|owned|tablespace|database|system|subscription|parameter|label)\b/i;

/** Parse nodes that always concern cluster-wide objects. */
const always = new Set([
  "CreateRoleStmt",
  "AlterRoleStmt",
  "AlterRoleSetStmt",
  "DropRoleStmt",
  "GrantRoleStmt",
  "DropOwnedStmt",
  "ReassignOwnedStmt",
  "CreateTableSpaceStmt",
  "DropTableSpaceStmt",
  "AlterTableSpaceOptionsStmt",
  "CreatedbStmt",
  "DropdbStmt",
  "AlterDatabaseStmt",
  "AlterDatabaseSetStmt",
  "AlterDatabaseRefreshCollStmt",
  "AlterSystemStmt",
  "CreateSubscriptionStmt",
  "AlterSubscriptionStmt",
  "DropSubscriptionStmt",
]);
/** Parse nodes that concern them depending on the object type. */
const sometimes = new Set(["RenameStmt", "AlterOwnerStmt", "CommentStmt", "SecLabelStmt", "GrantStmt"]);
const shared = new Set([
  "OBJECT_ROLE",
  "OBJECT_DATABASE",
  "OBJECT_TABLESPACE",
  "OBJECT_PARAMETER_ACL",
  "OBJECT_SUBSCRIPTION",
]);

async function isClusterWide({ text, words }: Statement): Promise<boolean> {
  const trees = await parse(text);
  // The statement is too large for the parser, or newer than it.
  if (trees === undefined) return atStart.test(words.slice(0, 3).join(" "));
  return trees.some(({ stmt = {} }) => {
    const [[kind, node] = []] = Object.entries(stmt as Record<string, Record<string, unknown>>);
    if (kind === undefined || node === undefined) return false;
    if (always.has(kind)) return true;
    if (sometimes.has(kind))
      return [node["objtype"], node["objectType"], node["renameType"]].some((type) => shared.has(String(type)));
    // Statements in a program are text.
    if (kind === "DoStmt" || kind === "CreateFunctionStmt") return inText.test(withoutComments(text));
    return false;
  });
}

const commands =
  "((create|alter|drop)\\s+(role|user(?!\\s+mapping)|group|tablespace|database|subscription)|alter\\s+system|(drop|reassign)\\s+owned)\\b";
const inText = new RegExp(`\\b${commands}`, "i");
const atStart = new RegExp(`^${commands}`);
