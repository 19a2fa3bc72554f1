/** Hashes of one password, all made by one program. Their costs are low, so that a test verifies them many times. */
export interface Vectors {
  readonly madeBy: string;
  readonly password: string | Buffer;
  readonly hashes: readonly string[];
  /** A hash takes tens of milliseconds. */
  readonly isCostly?: boolean;
}

export const ascii = "correct horse battery";
/** Characters of 2, 3 and 4 bytes in UTF-8. */
export const unicode = "Grüße, 世界 🗝";
