import { codeOf, sqlstate } from "../../database/index.ts";
import type { Script } from "../journal/folder.ts";
import type { Statement } from "../journal/script.ts";

const directive = '"-- migrate: no-transaction"';
const alone = `Begin the file with ${directive}: each of its statements is then committed by itself, so it should hold little else.`;
const outside = `PostgreSQL does not run it in a transaction. ${alone}`;
const cluster = `PostgreSQL does not run it in a transaction, and it changes cluster-wide objects, not only this database. Leave it to the server's administrator, or begin a file of its own with ${directive}.`;
const session =
  "PostgreSQL does not run it in a transaction, and the migrator resets the session itself. Remove the statement.";

/** First words of statements that cannot run in a transaction (PostgreSQL manual, the notes of each command). */
const known: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/^create (unique )?index concurrently\b/, outside],
  [/^drop index concurrently\b/, outside],
  [/^reindex (table|index|schema|database|system) concurrently\b/, outside],
  [/^reindex (schema|database|system)\b/, outside],
  [/^vacuum\b/, outside],
  [/^cluster( verbose)?$/, outside],
  [/^alter table .*\bdetach partition .*\bconcurrently$/, outside],
  [/^(create|drop) (database|tablespace)\b/, cluster],
  [/^alter database .*\bset tablespace\b/, cluster],
  [/^alter system\b/, cluster],
  [/^discard all$/, session],
];

/** Returns why a statement with these first words cannot run in a transaction, with a remedy; undefined for all others. */
export function noTransactionRemedy(words: readonly string[]): string | undefined {
  const start = words.join(" ");
  return known.find(([pattern]) => pattern.test(start))?.[1];
}

/** Returns the remedy for a server error about transactions; undefined for every other error. */
export function transactionErrorRemedy(
  error: Error,
  { words }: Pick<Statement, "words">,
  { noTransaction }: Pick<Script, "noTransaction">,
): string | undefined {
  const code = codeOf(error);
  if (code === sqlstate.unsafeNewEnumValueUsage)
    return (
      "A value that is added to an enum can be used only when its transaction is committed. Put ALTER TYPE … ADD VALUE into a " +
      `migration of its own before this one, or begin this file with ${directive}.`
    );
  // `where` is set for errors inside a function or DO block.
  const isInProgram = "where" in error && Boolean(error.where);
  if (code === sqlstate.activeSqlTransaction && (isInProgram || /from a function/.test(error.message)))
    return `Write the statement into the file itself, outside of functions and DO blocks, and begin the file with ${directive}.`;
  if (code === sqlstate.activeSqlTransaction && words[0] === "set")
    return "The migrator has begun the transaction already. Remove the statement: a migration is the only one at a time.";
  if (noTransaction) return undefined;
  if (code === sqlstate.activeSqlTransaction) return noTransactionRemedy(words) ?? outside;
  if (code === sqlstate.invalidTransactionTermination)
    return `A program that commits cannot run in a transaction. ${alone}`;
  return undefined;
}
