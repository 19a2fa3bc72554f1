import { MigrationError } from "./errors.ts";
import type { Script } from "./folder.ts";
import { largest, placeOf, type Statement, statementsOf } from "./statements.ts";

/** What PostgreSQL, or the migrator, would refuse of a script before it runs anything, each with its place. */
export async function inspect(script: Script): Promise<{ empty: boolean; faults: string[] }> {
  const faults = misplacedDirectives(script);
  try {
    const statements = await statementsOf(script);
    for (const statement of statements) faults.push(...(await syntaxFault(script, statement)));
    return { empty: statements.length === 0, faults };
  } catch (error) {
    if (!(error instanceof MigrationError)) throw error;
    return { empty: false, faults: [...faults, error.message] };
  }
}

async function syntaxFault(script: Script, statement: Statement): Promise<string[]> {
  if (statement.text.length > largest) return [];
  const parser = await import("libpg-query");
  try {
    await parser.parse(statement.text);
    return [];
  } catch (error) {
    if (!(error instanceof parser.SqlError)) throw error;
    const { file, line, column } = placeOf(script, statement, (error.sqlDetails?.cursorPosition ?? 0) + 1);
    return [`${file}:${line}:${column}: ${error.message}`];
  }
}

/** A directive is one only on the first line: further down it would be a comment, and say nothing to anybody. */
function misplacedDirectives({ file, sql }: Script): string[] {
  return sql.split("\n").flatMap((text, index) => {
    const directive = index > 0 && /^\s*--\s*migrate:.*/.exec(text)?.[0].trim();
    return directive ? [`${file}:${index + 1}: "${directive}" must be the first line of the file`] : [];
  });
}
