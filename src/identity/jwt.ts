import { errors, type JWTPayload, jwtVerify, SignJWT } from "jose";
import { UnauthenticatedError } from "../errors.ts";
import type { SigningKey } from "./signing-keys.ts";

/** Issuer of every token: the service accepts only its own (RFC 7519, 4.1.1). */
const issuer = "aeturnis-data";
/** HMAC with SHA-256 suffices while only this service verifies its tokens (RFC 8725, 3.1 and 3.2). */
const algorithm = "HS256";

/** A kind of token. Type, audience and key differ for each kind, so that none is accepted as another (RFC 8725, 3.11). */
export interface TokenKind {
  /** The header `typ` (RFC 8725, 3.11). */
  readonly typ: string;
  /** The claim `aud` (RFC 7519, 4.1.3). */
  readonly audience: string;
  /** The name of the token in messages. */
  readonly noun: string;
  readonly requiredClaims: readonly string[];
}

/**
 * Signs and verifies JWTs of one kind.
 *
 * @param keys the first one signs; every key verifies
 */
export function createJwt(keys: readonly [SigningKey, ...SigningKey[]], kind: TokenKind) {
  const { typ, audience, noun, requiredClaims } = kind;
  const keysById = new Map(keys.map((key) => [key.id, key.bytes]));
  const [{ id: kid, bytes: signingKey }] = keys;
  const invalid = (cause?: unknown) => new UnauthenticatedError(`The ${noun} is not valid.`, { cause });

  return {
    /** @param claims times in s since 1970 (RFC 7519, NumericDate); equal claims give equal tokens */
    sign: (claims: JWTPayload & { iat: number; exp: number }): Promise<string> =>
      new SignJWT({ iss: issuer, aud: audience, ...claims })
        .setProtectedHeader({ alg: algorithm, typ, kid })
        .sign(signingKey),

    /** @throws {UnauthenticatedError} when the token is foreign, altered, expired or of another kind */
    verify: async (token: string): Promise<JWTPayload> => {
      const key = ({ kid: id }: { kid?: string }) => {
        const found = keysById.get(id ?? "");
        if (found === undefined) throw invalid();
        return found;
      };
      const options = { algorithms: [algorithm], issuer, audience, typ, requiredClaims: [...requiredClaims] };
      const { payload } = await jwtVerify(token, key, options).catch((cause: unknown) => {
        if (cause instanceof errors.JWTExpired) throw new UnauthenticatedError(`The ${noun} has expired.`, { cause });
        throw cause instanceof UnauthenticatedError ? cause : invalid(cause);
      });
      return payload;
    },
  };
}

/** The present time as a JWT states it (s). */
export const numericDate = (time = Date.now()): number => Math.floor(time / 1000);
