import { OperatorError } from "../errors.ts";

/** The embedded server cannot run. The message names the reason and the remedy. */
export class EmbeddedError extends OperatorError {}

/** Another running process owns the data folder. */
export class DataInUseError extends EmbeddedError {
  constructor(folder: string, owner: string) {
    super(
      `The data in ${folder} is in use by process ${owner}: only one service at a time can own it.\n` +
        `Stop that one (kill ${owner}), or give this one data of its own (DATA_DIR=.data-2 PORT=3001), ` +
        "or let both share a PostgreSQL (DATABASE_URL).",
    );
  }
}
