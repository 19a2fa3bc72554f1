import { tokenize } from "../sql/lexer.ts";
import { placeIn } from "../sql/position.ts";
import type { Script } from "./folder.ts";

const pattern = /^--\s*migrate:[ \t]*(\S*)[ \t]*(.*)$/i;

/** Reads the migrator directive in the first line of a script; `fault` when the directive is invalid. */
export function readDirective(sql: string): Pick<Script, "noTransaction" | "irreversible"> & { fault?: string } {
  const found = pattern.exec(firstComment(sql));
  if (found === null) return { noTransaction: false };
  const [, name = "", rest = ""] = found;
  const [directive, reason] = [name.toLowerCase(), rest.trim()];
  if (directive === "no-transaction" && reason === "") return { noTransaction: true };
  if (directive === "irreversible" && reason !== "") return { noTransaction: false, irreversible: reason };
  const fault =
    directive === "irreversible"
      ? 'the reason is missing: "-- migrate: irreversible <reason>"'
      : `unknown directive "${`${name} ${reason}`.trim()}"; the directives are no-transaction and irreversible <reason>`;
  return { noTransaction: false, fault };
}

/** The line comment that begins on the first line of a text, or an empty string. */
function firstComment(sql: string): string {
  const [first] = tokenize(sql);
  if (first?.kind !== "line comment" || /[\n\r]/.test(sql.slice(0, first.start))) return "";
  return sql.slice(first.start, first.end);
}

/** Returns a fault for each directive that is not on the first line, where the migrator would ignore it as a comment. */
export function misplacedDirectives({ file, sql }: Script): string[] {
  if (!/migrate:/i.test(sql)) return [];
  const first = firstComment(sql);
  return [...tokenize(sql)].flatMap(({ kind, start, end }, index) => {
    const text = sql.slice(start, end).trim();
    if (kind !== "line comment" || !pattern.test(text) || (index === 0 && first !== "")) return [];
    return [`${file}:${placeIn(file, sql, start).line}: "${text}" must be the first line of the file`];
  });
}
