import {
  configuredSigners,
  createNoteSigner,
  type NoteSigner,
  readLastCheckpoint,
  rotateSigningKey,
  SignedNoteError,
  signerFor,
} from "../../audit/index.ts";
import { withDatabase } from "../database.ts";
import { readAuditConfig, readAuditOrigin } from "../environment.ts";
import { fail, UsageError } from "../failure.ts";
import { withInterrupt } from "../interrupt.ts";
import { printJson } from "../json.ts";

/** `aeturnis-data audit key new`: prints the key and nothing else to standard output, for use in `$(…)`. */
export function auditKeyNew({ origin = readAuditOrigin() }: { readonly origin?: string }): void {
  if (origin === undefined) throw new UsageError("Name the log: --origin game.example/accounts, or AUDIT_ORIGIN.");
  try {
    const { text, verifier } = createNoteSigner(origin);
    console.log(text);
    console.error(`Public key: ${verifier.text}`);
  } catch (error) {
    if (error instanceof SignedNoteError) throw new UsageError(`--origin ${error.message}`);
    throw error;
  }
}

/**
 * `aeturnis-data audit key list`. It prints the public keys also if nobody can tell which one signs: the database cannot be
 * reached, or its log has other keys. The exit code is then 1.
 */
export async function auditKeyList({ json }: { readonly json: boolean }): Promise<void> {
  const signers = configuredSigners(readAuditConfig());
  const { signer, error } = await withDatabase(({ db }) => readLastCheckpoint(db)).then(
    (last) => findSigner(last, signers),
    (error: unknown) => ({ signer: undefined, error }),
  );
  const keys = signers.map((each) => ({
    publicKey: each.verifier.text,
    signs: signer === undefined ? null : each === signer,
  }));
  if (json) printJson({ keys });
  else for (const { publicKey, signs } of keys) console.log(`${publicKey}${signs ? "  signs" : ""}`);
  if (signer === undefined) return fail(error);
  if (!json && signer !== signers[0]) console.log("The first key signs after `aeturnis-data audit key rotate`.");
}

type SignerSearch = { readonly signer: NoteSigner; readonly error?: undefined } | { signer: undefined; error: unknown };

function findSigner(last: string | undefined, signers: readonly NoteSigner[]): SignerSearch {
  try {
    return { signer: signerFor(last, signers) };
  } catch (error) {
    return { signer: undefined, error };
  }
}

/** `aeturnis-data audit key rotate` */
export async function auditKeyRotate(): Promise<void> {
  const config = readAuditConfig();
  const signers = configuredSigners(config);
  const file = config.audit.checkpointFile;
  const checkpoint = await withInterrupt((signal) =>
    withDatabase(({ db, repositories: { audit } }) => rotateSigningKey({ db, audit }, { signers, file, signal }), {
      signal,
    }),
  );
  console.log(checkpoint ?? "The first key of AUDIT_SIGNING_KEY signs already.");
}
