import type { Script } from "../journal/folder.ts";
import type { Statement } from "../journal/script.ts";
import { withoutComments } from "../sql/comments.ts";
import { placeIn } from "../sql/position.ts";
import { noTransactionRemedy } from "./outside-transaction.ts";

/** Returns why a statement is not allowed in a script, with its position and a remedy; undefined when it is allowed. */
export function forbiddenReason(statement: Statement, script: Script): string | undefined {
  const why =
    transactionRefusal(statement, script) ??
    copyRefusal(statement) ??
    encodingRefusal(statement) ??
    (script.noTransaction ? undefined : noTransactionRemedy(statement.words));
  if (why === undefined) return undefined;
  const { file, line, column } = placeIn(script.file, script.sql, statement.offset);
  const [first] = statement.text.split(/[\r\n]/);
  return `${file}:${line}:${column}: ${first}\n${why}`;
}

const transactions = new Set(["begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release"]);

function transactionRefusal({ words: [first = "", second] }: Statement, script: Script): string | undefined {
  if (!transactions.has(first) && !(first === "prepare" && second === "transaction")) return undefined;
  return script.noTransaction
    ? "A migration without a transaction commits every statement by itself, and must not begin or end one. Remove the statement."
    : 'A migration runs in a transaction of its own, and must not begin or end one. Remove the statement, or begin the file with "-- migrate: no-transaction".';
}

/** COPY FROM STDIN and TO STDOUT would wait for a client that does not answer. */
function copyRefusal({ words }: Statement): string | undefined {
  if (words[0] !== "copy") return undefined;
  const isClient = (word: string, index: number) =>
    /^(stdin|stdout)$/.test(word) && /^(from|to)$/.test(words[index - 1] ?? "");
  if (!words.some(isClient)) return undefined;
  return "A migration has no client to COPY from or to. Use insert. Data lines below a COPY work only in psql; pg_dump --inserts writes statements.";
}

const settings = "(client_encoding|standard_conforming_strings)";
const setting = new RegExp(
  `^set\\s+(?:session\\s+|local\\s+)?(?:"?${settings}"?\\s*(?:=|to\\b)|(names)\\b)\\s*['"]?([\\w-]*)|\\bset_config\\s*\\(\\s*'${settings}'\\s*,\\s*'([\\w-]*)'`,
  "i",
);
const harmless = /^(utf-?8|unicode|default|on|true|yes|1|)$/i;

/** The server would read the following statements differently from the migrator, which splits them and sends UTF-8. */
function encodingRefusal({ text, words }: Statement): string | undefined {
  if (words[0] !== "set" && !text.includes("set_config")) return undefined;
  const [, own, names, value, configured, other] = setting.exec(withoutComments(text)) ?? [];
  const name = own ?? names ?? configured;
  if (name === undefined || harmless.test(value ?? other ?? "")) return undefined;
  return name.toLowerCase() === "standard_conforming_strings"
    ? "A migration is read with standard_conforming_strings on. Remove the statement, and write backslashes in E'…'."
    : "A migration is read and sent as UTF-8. Remove the statement, and convert the file if it is in another encoding.";
}
