import { randomBytes, randomUUID } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { makeDataFolder } from "./data-folder.ts";

/** Shorter than what is generated: the file was cut, or emptied. */
const shortest = 32;

/**
 * The secret that a file keeps, generated when there is none or what is left of one. Only the file's
 * owner can read it.
 *
 * @returns `fresh` when it was generated just now, so that nobody knows it yet
 */
export function keepSecret(file: string): { secret: string; fresh: boolean } {
  const kept = existsSync(file) ? readFileSync(file, "utf8").trim() : "";
  if (kept.length >= shortest) return { secret: kept, fresh: false };
  const secret = randomBytes(48).toString("base64url");
  makeDataFolder(dirname(file));
  writePrivately(file, secret);
  return { secret, fresh: true };
}

/** Writes a file that only its owner can read; whole, or not at all. */
export function writePrivately(file: string, text: string): void {
  const unfinished = `${file}.${randomUUID()}`;
  writeFileSync(unfinished, text, { mode: 0o600 });
  renameSync(unfinished, file);
}
