import { toText } from "./external-values.ts";

/** An account in the format of another system: texts of CSV, or values of JSON. */
export type ExternalRow = Readonly<Record<string, unknown>>;

/** Reads a row key by key, and records which keys were not read. */
export class ExternalAccount {
  readonly #unread: Record<string, unknown>;

  constructor(row: ExternalRow) {
    this.#unread = { ...row };
  }

  /** Returns the value of a key, and marks the key as read. A second read returns undefined. */
  read(key: string): unknown {
    const value = this.#unread[key];
    delete this.#unread[key];
    return value;
  }

  /** Reads a value as text; undefined if it is empty. */
  readText(key: string): string | undefined {
    return toText(this.read(key));
  }

  /** Returns a value as text, without marking its key as read. */
  peekText(key: string): string | undefined {
    return toText(this.#unread[key]);
  }

  /** Entries that were not read. */
  unread(): [string, unknown][] {
    return Object.entries(this.#unread);
  }
}
