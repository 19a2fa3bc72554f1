import { tokenize } from "../sql/lexer.ts";
import { placeIn } from "../sql/position.ts";
import type { Script } from "./folder.ts";

const pattern = /^--\s*migrate:[ \t]*(\S*)[ \t]*(.*)$/i;

/** What the first line says to the migrator; `fault` when it says nothing that there is. */
export function readDirective(sql: string): Pick<Script, "noTransaction" | "irreversible"> & { fault?: string } {
  const found = pattern.exec(firstComment(sql));
  if (found === null) return { noTransaction: false };
  const [, name = "", rest = ""] = found;
  const [directive, reason] = [name.toLowerCase(), rest.trim()];
  if (directive === "no-transaction" && reason === "") return { noTransaction: true };
  if (directive === "irreversible" && reason !== "") return { noTransaction: false, irreversible: reason };
  const fault =
    directive === "irreversible"
      ? 'must say why: "-- migrate: irreversible <reason>"'
      : `unknown directive "${`${name} ${reason}`.trim()}"; there are no-transaction and irreversible <reason>`;
  return { noTransaction: false, fault };
}

/** The line comment that a text begins with on its first line, or nothing. */
function firstComment(sql: string): string {
  const [first] = tokenize(sql);
  if (first?.kind !== "line comment" || /[\n\r]/.test(sql.slice(0, first.start))) return "";
  return sql.slice(first.start, first.end);
}

/** A directive is one only on the first line: further down it would be a comment, and say nothing to the migrator. */
export function misplacedDirectives({ file, sql }: Script): string[] {
  if (!/migrate:/i.test(sql)) return [];
  const first = firstComment(sql);
  return [...tokenize(sql)].flatMap(({ kind, start, end }, index) => {
    const text = sql.slice(start, end).trim();
    if (kind !== "line comment" || !pattern.test(text) || (index === 0 && first !== "")) return [];
    return [`${file}:${placeIn(file, sql, start).line}: "${text}" must be the first line of the file`];
  });
}
