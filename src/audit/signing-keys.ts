import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type AuditConfig, ConfigError, keepSecret } from "../config/index.ts";
import { createNoteSigner, type NoteSigner, parseNoteSigner, SignedNoteError } from "./signed-note.ts";

/**
 * The keys that sign the log of the audit trail, newest first. Outside of production the service makes one in the data folder,
 * with an origin of its own.
 *
 * @throws {ConfigError} for a key that is not as it was printed
 */
export function configuredSigners({
  audit,
  dataDirectory,
}: {
  audit: AuditConfig;
  dataDirectory: string;
}): readonly NoteSigner[] {
  if (audit.signingKeys !== undefined) return parse("AUDIT_SIGNING_KEY", audit.signingKeys);
  const file = join(dataDirectory, "audit-signing-key");
  const origin = audit.origin ?? `localhost/aeturnis-data/${randomBytes(4).toString("hex")}`;
  return parse(file, [keepSecret(file, () => createNoteSigner(origin).text).secret]);
}

function parse(source: string, keys: readonly string[]): NoteSigner[] {
  try {
    return keys.map(parseNoteSigner);
  } catch (error) {
    if (!(error instanceof SignedNoteError)) throw error;
    throw new ConfigError([`${source} ${error.message}`]);
  }
}
