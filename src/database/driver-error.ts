import { OperatorError } from "../errors.ts";

/** The driver lacks the patch that stops it from giving answers to the wrong queries (patches/README.md). */
export class UnpatchedDriverError extends OperatorError {
  constructor() {
    super(
      "The installed driver `postgres` lacks this project's patch, without which answers can reach the wrong queries: " +
        "run `npm run build` in this project, or reinstall its package.",
    );
  }
}
