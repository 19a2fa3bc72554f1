import { OperatorError } from "../errors.ts";

/** One or more variables are invalid. The message lists all of them by name and contains no value. */
export class ConfigError extends OperatorError {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    const list = faults.length === 1 ? ` ${faults[0]}` : faults.map((fault) => `\n  - ${fault}`).join("");
    super(`The configuration is not usable:${list}`);
    this.faults = faults;
  }
}
