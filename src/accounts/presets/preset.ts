import type { FieldValues, RowIssue } from "../fields/field-values.ts";
import type { ExternalAccount, ExternalRow } from "./external-account.ts";

/** Reads the accounts that another system exports. */
export interface Preset {
  readonly name: string;
  /** Names of the columns or keys that it reads first, for error messages. */
  readonly columnNames: readonly string[];
  /** Columns of the system's CSV, if that has no header. */
  readonly csvColumns?: readonly string[] | undefined;
  hasColumn(name: string): boolean;
  /** Converts a row; `unread` lists keys with a value that is not imported. */
  read(
    row: ExternalRow,
  ): { readonly fields: FieldValues; readonly unread: readonly string[] } | { readonly issue: RowIssue };
}

/** Where the fields of a user are in the rows of another system. */
export interface PresetDefinition {
  readonly name: string;
  readonly csvColumns?: readonly string[];
  /** Turns a nested row into a flat one. */
  readonly flatten?: (row: ExternalRow) => ExternalRow | RowIssue;
  /** The system's own id. `metadata.imported` stores it; a UUID also becomes the user's id. */
  readonly id: readonly string[];
  readonly email: string;
  /** Candidates for the username. The first value with valid characters is used. */
  readonly username: readonly string[];
  readonly emailVerified?: string;
  /** The password hash in a form that this service verifies; undefined for an account without a password. */
  readonly passwordHash?: (account: ExternalAccount) => string | undefined | RowIssue;
  readonly createdAt?: string;
  readonly lastLogin?: string;
  readonly deletedAt?: string;
  readonly isSuspended?: (account: ExternalAccount) => boolean;
  /** Keys of objects, or of their JSON text, that become members of `metadata`. */
  readonly metadata?: readonly string[];
  /** Keys without information about the account. They are not reported as omitted. */
  readonly ignored?: readonly string[];
}
