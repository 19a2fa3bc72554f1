/** The error message for a violated constraint. */
export interface ConstraintMessage {
  /** The input field at fault, if the constraint concerns a single one. */
  readonly field?: string;
  /** A sentence for the client: what the rule is, or the remedy. */
  readonly message: string;
}

/** The constraint messages of one table, by constraint name. */
export type ConstraintMessages = Readonly<Record<string, ConstraintMessage>>;

/**
 * The message of every table's `<table>_times_check`: PostgreSQL stores years that a JavaScript Date or an ISO 8601 text
 * of four digits cannot represent.
 */
export const timeRangeMessage: ConstraintMessage = { message: "A time must lie in the years 1 to 9999." };
