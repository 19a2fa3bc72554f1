import type { Fault, Fields } from "../fields.ts";

/** How another system writes its accounts. */
export interface Preset {
  readonly name: string;
  /** Names of its columns or keys. */
  readonly names: readonly string[];
  /** Columns of its CSV, where that has no line of names. */
  readonly columns?: readonly string[] | undefined;
  knows(name: string): boolean;
  /** What is given is never empty. */
  read(row: Readonly<Record<string, unknown>>): { fields: Fields; leftOut: readonly string[] } | { fault: Fault };
}
