import { OperatorError } from "../errors.ts";

/** The driver lacks the patch that keeps it from giving answers to the wrong queries (patches/README.md). */
export class UnpatchedDriverError extends OperatorError {
  constructor() {
    super(
      "The driver `postgres` is not the patched one, and would give answers to the wrong queries: " +
        "run `npm run build` in this project, or install its package anew.",
    );
  }
}
