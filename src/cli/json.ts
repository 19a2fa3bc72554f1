import { OperatorError } from "../errors.ts";

/** Prints a result as JSON on standard output. Errors in it become objects. */
export function printJson(result: object): void {
  console.log(JSON.stringify(result, (_, value) => (value instanceof Error ? errorFields(value) : value), 2));
}

function errorFields(error: Error): object {
  const { name, message } = error;
  return { name, message, ...(error instanceof OperatorError && error.details) };
}
