import { OperatorError } from "../errors.ts";

/** An import or export that cannot go on. The message names the problem, its place in the file and the remedy. */
export class ImportExportError extends OperatorError {}
