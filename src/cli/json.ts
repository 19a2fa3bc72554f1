import { StatementError } from "../migrations/errors.ts";

/** Prints a result for a program. */
export function printJson(result: object): void {
  console.log(JSON.stringify(result, (_, value) => (value instanceof Error ? fieldsOf(value) : value), 2));
}

/** An error as a program reads it. */
function fieldsOf(error: Error): object {
  const { name, message } = error;
  if (!(error instanceof StatementError)) return { name, message };
  const { tag, sqlstate, detail, hint } = error;
  const { file, line, column } = error.place;
  return { name, message, tag, file, line, column, sqlstate, detail, hint };
}
