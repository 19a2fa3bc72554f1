import { ImportExportError } from "../errors.ts";

/** Parameters of the modified scrypt that hashes all passwords of a Firebase project. */
export interface FirebaseHashParameters {
  readonly signerKey: string;
  readonly saltSeparator: string;
  readonly rounds: number;
  readonly memCost: number;
}

/**
 * Parses the hash parameters from the text that Firebase's console shows (Authentication, Users, Password hash
 * parameters).
 *
 * @throws {ImportExportError} if the signer key is missing
 */
export function parseFirebaseHashParameters(text: string): FirebaseHashParameters {
  const value = (name: string) => new RegExp(`["']?${name}["']?\\s*[:=]\\s*["']?([A-Za-z0-9+/=_-]+)`).exec(text)?.[1];
  const signerKey = value("base64_signer_key");
  if (signerKey === undefined)
    throw new ImportExportError(
      "The Firebase hash parameters must be the text that Firebase's console shows: " +
        "hash_config { base64_signer_key: …, base64_salt_separator: …, rounds: 8, mem_cost: 14 }.",
    );
  return {
    signerKey,
    saltSeparator: value("base64_salt_separator") ?? "Bw==",
    rounds: Number(value("rounds") ?? 8),
    memCost: Number(value("mem_cost") ?? 14),
  };
}
