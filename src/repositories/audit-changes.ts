import { type SQL, sql } from "drizzle-orm";
import { parseStoredJson } from "../json/index.ts";
import { auditLog } from "../schema/index.ts";

/** Characters of JSON that the changes of one row may have, and the bytes that they may occupy in the table. */
const textLimit = 256 * 1024;
const storedLimit = 4 * 1024 * 1024;

/** Levels of nesting that are returned. Rows of an older version of the service can have any number. */
const depthLimit = 64;

/** Characters that are returned of longer changes. */
const excerptLength = 1_000;

type Changes = Record<string, unknown>;

/** The text of the changes of a row of the audit trail, for `readChanges`. */
export const changesTextOf: SQL<string | null> =
  sql`case when pg_column_size(${auditLog.changes}) <= ${sql.raw(String(storedLimit))}
  then left(${auditLog.changes}::text, ${sql.raw(String(textLimit + 1))})
  when ${auditLog.changes} is not null then 'too large to be shown: ' || pg_column_size(${auditLog.changes}) || ' bytes' end`;

/**
 * The changes of a row of the audit trail as an object. JSON that is unsafe or too large for clients (keys such as
 * `__proto__`, depth, length) is returned as `{"[json]": text}`, so that such a row does not fail its page. Numbers that
 * JavaScript cannot represent exactly are texts of their digits.
 */
export const changesOf: SQL<Changes | null> = sql`${changesTextOf}`.mapWith(readChanges);

/** @param text the text of a jsonb value, truncated to one character more than `textLimit` */
export function readChanges(text: string): Changes {
  if (text.length > textLimit) return asText(`${text.slice(0, excerptLength)}…`);
  return isReadable(text) ? (parseStoredJson(text) as Changes) : asText(text);
}

const asText = (text: string): Changes => ({ "[json]": text });

function isReadable(text: string): boolean {
  if (!text.startsWith("{")) return false;
  // Only a key is followed by a colon, and quotes inside texts are escaped.
  if (/"(__proto__|constructor|prototype)":/.test(text)) return false;
  let depth = 0;
  for (const [part] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]]/g)) {
    if (part === "{" || part === "[") depth++;
    else if (part === "}" || part === "]") depth--;
    if (depth > depthLimit) return false;
  }
  return true;
}
