import { randomBytes } from "node:crypto";
import { generateURI, ScureBase32Plugin, verifySync } from "otplib";

/** RFC 4226, 4 (R6) recommends secrets of 160 bits, the length of a SHA-1 hash. */
const secretLength = 20;
/** Time step (s; RFC 6238, 5.2). */
const period = 30;
/** A code of the previous or the next step is accepted, too, for clocks that differ (RFC 6238, 5.2 and 6). */
const tolerance = period;

/** A new secret of 160 random bits. */
export const createTotpSecret = (): Uint8Array => new Uint8Array(randomBytes(secretLength));

/** The secret in base32, as a player types it into an authenticator (RFC 4648, section 6, without padding). */
export const totpSecretText = (secret: Uint8Array): string =>
  new ScureBase32Plugin().encode(secret, { padding: false });

/**
 * The URI that an authenticator reads from a QR code (Key URI Format of Google Authenticator): SHA-1, 6 digits and 30 s,
 * which are its defaults, and the only ones that every authenticator supports.
 *
 * @param options.account names the account in the authenticator; it has no colon
 */
export const otpauthUri = ({
  secret,
  account,
  issuer,
}: {
  secret: Uint8Array;
  account: string;
  issuer: string;
}): string => generateURI({ issuer, label: account, secret: totpSecretText(secret) });

/**
 * The time step whose code this is (RFC 6238, 4.2), of the previous, the present and the next one; undefined if it is the
 * code of none of them. The comparison takes constant time.
 *
 * @param code 6 digits; white space is ignored
 * @param options.now in ms since 1970
 * @param options.after the last step that was taken: only a later one is returned (RFC 6238, 5.2)
 */
export function matchingStep(
  secret: Uint8Array,
  code: string,
  { now, after = -1 }: { now: number; after?: number | undefined },
): number | undefined {
  const token = code.replace(/\s/g, "");
  const epoch = Math.floor(now / 1000);
  // otplib throws for a code of another form, and for a last step that is later than every acceptable one.
  if (!/^\d{6}$/.test(token) || after >= Math.floor((epoch + tolerance) / period)) return undefined;
  const result = verifySync({
    secret,
    token,
    epoch,
    epochTolerance: tolerance,
    ...(after >= 0 && { afterTimeStep: after }),
  });
  return result.valid && "timeStep" in result ? result.timeStep : undefined;
}
