import type { Hash } from "./merkle.ts";

/** What opens a commitment of an entry: the SHA-256 of the salt and the value is in the entry. */
export interface Opening {
  /** In base64. */
  readonly salt: string;
  readonly value: string;
}

/** The entry that a proof is about, and the values that it hides. */
export interface ProvenEntry {
  /** JSON in the form of RFC 8785: the bytes whose hash is in the log. */
  readonly entry: string;
  /** Of `changes`, as PostgreSQL prints them. */
  readonly changes: Opening | null;
  /** Of the client's address and user agent. */
  readonly client: Opening | null;
}

const encode = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

const lines = (hashes: readonly Hash[]): string => hashes.map((hash) => `${encode(hash)}\n`).join("");

/** A proof that an entry is in a log (C2SP tlog-proof). Its extra data is the entry, as JSON. */
export function inclusionProof({
  proven,
  index,
  path,
  checkpoint,
}: {
  proven: ProvenEntry;
  index: number;
  path: readonly Hash[];
  checkpoint: string;
}): string {
  const extra = encode(Buffer.from(JSON.stringify(proven)));
  return `c2sp.org/tlog-proof@v1\nextra ${extra}\nindex ${index}\n${lines(path)}\n${checkpoint}`;
}

/**
 * A proof that a log of `oldSize` rows is the beginning of a later one, in the form in which a witness takes it (C2SP
 * tlog-witness, "add-checkpoint").
 */
export const consistencyProof = ({
  oldSize,
  path,
  checkpoint,
}: {
  oldSize: number;
  path: readonly Hash[];
  checkpoint: string;
}): string => `old ${oldSize}\n${lines(path)}\n${checkpoint}`;
