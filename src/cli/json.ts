import { OperatorError } from "../errors.ts";

/** Prints a result for a program. */
export function printJson(result: object): void {
  console.log(JSON.stringify(result, (_, value) => (value instanceof Error ? fieldsOf(value) : value), 2));
}

/** An error as a program reads it. */
function fieldsOf(error: Error): object {
  const { name, message } = error;
  return { name, message, ...(error instanceof OperatorError && error.details) };
}
