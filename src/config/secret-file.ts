import { randomBytes, randomUUID } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { makeDataFolder } from "./data-folder.ts";

/** A generated secret is longer. A shorter file was truncated. */
const minLength = 32;

/**
 * Returns the secret in a file. Generates a new one if the file is missing or truncated. Only the owner can read the file.
 *
 * @param generate returns a new secret of at least 32 characters
 * @returns `fresh` is true for a new secret, which is not in use anywhere yet
 */
export function keepSecret(
  file: string,
  generate = () => randomBytes(48).toString("base64url"),
): { secret: string; fresh: boolean } {
  const stored = existsSync(file) ? readFileSync(file, "utf8").trim() : "";
  if (stored.length >= minLength) return { secret: stored, fresh: false };
  const secret = generate();
  makeDataFolder(dirname(file));
  writePrivately(file, secret);
  return { secret, fresh: true };
}

/** Replaces a file atomically with one that only its owner can read. */
export function writePrivately(file: string, text: string): void {
  const unfinished = `${file}.${randomUUID()}`;
  writeFileSync(unfinished, text, { mode: 0o600 });
  renameSync(unfinished, file);
}
