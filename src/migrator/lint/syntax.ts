import type { Script } from "../journal/folder.ts";
import { placeOf, readScript, type Statement } from "../journal/script.ts";
import { findSyntaxError } from "../sql/grammar.ts";
import { describePlace } from "../sql/position.ts";

/** Returns the syntax errors and forbidden statements of a script, each with its position. */
export async function checkSyntax(script: Script): Promise<{ empty: boolean; faults: string[] }> {
  const { statements, faults } = await readScript(script);
  const syntax = await Promise.all(statements.map((statement) => syntaxFault(script, statement)));
  // A syntax error at the position of a reported fault is the same fault.
  const more = syntax.filter((fault) => fault !== undefined && !faults.some((told) => told.startsWith(placeIn(fault))));
  return { empty: statements.length === 0 && faults.length === 0, faults: [...faults, ...more] as string[] };
}

const placeIn = (fault: string) => fault.slice(0, fault.indexOf(": ") + 2);

async function syntaxFault(script: Script, statement: Statement): Promise<string | undefined> {
  const error = await findSyntaxError(statement.text);
  if (error === undefined) return undefined;
  return `${describePlace(placeOf(script, statement, error.position))}: ${error.message}`;
}
