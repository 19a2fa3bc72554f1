import { type SQL, sql } from "drizzle-orm";
import { parseStoredJson } from "../json/index.ts";
import { auditLog } from "../schema/index.ts";

/** Characters of JSON that one row's changes may have, and bytes that they may take in the table. */
const textLimit = 256 * 1024;
const storedLimit = 4 * 1024 * 1024;

/** Levels that a client can be given. The table takes 34, a table of an older version any number. */
const depthLimit = 64;

/** Characters of those that are longer. */
const shownLength = 1_000;

type Changes = Record<string, unknown>;

/**
 * The changes of a row of the trail, whatever they hold: as an object, or as `{"[json]": text}` where no client could
 * be given it (keys that reach a prototype, depth, length). So one odd row does not fail the page that it is on. Numbers
 * that JavaScript cannot hold are texts of their digits, as everywhere.
 */
export const changesOf: SQL<Changes | null> =
  sql`case when pg_column_size(${auditLog.changes}) <= ${sql.raw(String(storedLimit))}
  then left(${auditLog.changes}::text, ${sql.raw(String(textLimit + 1))})
  when ${auditLog.changes} is not null then 'too large to be shown: ' || pg_column_size(${auditLog.changes}) || ' bytes' end`.mapWith(
    readChanges,
  );

/** @param text what PostgreSQL writes of a jsonb, cut behind the longest that is read */
function readChanges(text: string): Changes {
  if (text.length > textLimit) return asText(`${text.slice(0, shownLength)}…`);
  return isReadable(text) ? (parseStoredJson(text) as Changes) : asText(text);
}

const asText = (text: string): Changes => ({ "[json]": text });

function isReadable(text: string): boolean {
  if (!text.startsWith("{")) return false;
  // A key ends with a quote and a colon; quotes within texts are escaped.
  if (/"(__proto__|constructor|prototype)":/.test(text)) return false;
  let depth = 0;
  for (const [part] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]]/g)) {
    if (part === "{" || part === "[") depth++;
    else if (part === "}" || part === "]") depth--;
    if (depth > depthLimit) return false;
  }
  return true;
}
