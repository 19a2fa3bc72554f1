import { configuredKeys, createSecretCipher, type KeyRotation, rotateKeys } from "../../identity/index.ts";
import { withDatabase } from "../database.ts";
import { readConfig } from "../environment.ts";
import { withInterrupt } from "../interrupt.ts";
import { printJson } from "../json.ts";
import { createStatusLine } from "../status-line.ts";

/** `aeturnis-data keys rotate`. Exit code: 0 if every secret is encrypted with the newest key, 1 if not. */
export async function keysRotate({ json = false }: { readonly json?: boolean }): Promise<void> {
  const cipher = createSecretCipher(configuredKeys(readConfig()));
  const status = process.stderr.isTTY ? createStatusLine(process.stderr) : undefined;
  const onProgress = (reencrypted: number) => status?.show(`${count(reencrypted)} secrets`);
  const result = await withInterrupt((signal) =>
    withDatabase(({ repositories }) => rotateKeys(repositories, cipher, { onProgress, signal }), { signal }),
  ).finally(() => status?.clear());
  if (json) printJson(result);
  else console.log(summary(result));
  const { isStopped, changed, invalid, missingKeyIds } = result;
  process.exitCode ??= isStopped || changed + invalid.length + missingKeyIds.length > 0 ? 1 : 0;
}

function summary({ keyId, reencrypted, isStopped, changed, invalid, missingKeyIds }: KeyRotation): string {
  const lines = [`Secrets encrypted with the key ${keyId}: ${count(reencrypted)}.`];
  if (isStopped) lines.push("Stopped: the same command continues.");
  if (changed > 0) lines.push(`Secrets that changed meanwhile: ${count(changed)}. Run the command again.`);
  if (missingKeyIds.length > 0)
    lines.push(`Secrets need keys that ENCRYPTION_KEYS does not have: ${missingKeyIds.join(", ")}. Add these keys.`);
  if (invalid.length > 0) {
    const accounts = invalid.slice(0, shownAccounts).join(", ") + (invalid.length > shownAccounts ? ", …" : "");
    lines.push(`Accounts whose secrets do not decrypt: ${count(invalid.length)} (${accounts}).`);
  }
  return lines.join("\n");
}

const shownAccounts = 10;

const count = (number: number) => number.toLocaleString("en");
