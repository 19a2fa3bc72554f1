import { OperatorError } from "../errors.ts";

/** Users cannot be brought in or out. The message is for an operator: what is wrong, where, and the remedy. */
export class ImportExportError extends OperatorError {}
