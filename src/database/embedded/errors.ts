/** The embedded server cannot run here, or not now. The message says why, and what to do. */
export class EmbeddedError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The data is in use by another process that runs. */
export class DataInUse extends EmbeddedError {
  constructor(folder: string, owner: string) {
    super(
      `The data in ${folder} is in use by process ${owner}: only one service at a time can own it.\n` +
        `Stop that one (kill ${owner}), or give this one data of its own (DATA_DIR=.data-2 PORT=3001), ` +
        "or let both share a PostgreSQL (DATABASE_URL).",
    );
  }
}
