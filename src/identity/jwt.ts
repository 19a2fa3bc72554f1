import type { webcrypto } from "node:crypto";
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
  const keysById = new Map(keys.map((key) => [key.id, importKey(key)]));
  const [{ id: kid }] = keys;
  const invalid = (cause?: unknown) => new UnauthenticatedError(`The ${noun} is not valid.`, { cause });
  const keyOf = (id = "") => {
    const key = keysById.get(id);
    if (key === undefined) throw invalid();
    return key;
  };

  return {
    /** @param claims times in s since 1970 (RFC 7519, NumericDate); equal claims give equal tokens */
    sign: async (claims: JWTPayload & { iat: number; exp: number }): Promise<string> =>
      new SignJWT({ iss: issuer, aud: audience, ...claims })
        .setProtectedHeader({ alg: algorithm, typ, kid })
        .sign(await keyOf(kid)),

    /** @throws {UnauthenticatedError} when the token is foreign, altered, expired or of another kind */
    verify: async (token: string): Promise<JWTPayload> => {
      const options = { algorithms: [algorithm], issuer, audience, typ, requiredClaims: [...requiredClaims] };
      const { payload } = await jwtVerify(token, ({ kid: id }: { kid?: string }) => keyOf(id), options).catch(
        (cause: unknown) => {
          if (cause instanceof errors.JWTExpired) throw new UnauthenticatedError(`The ${noun} has expired.`, { cause });
          throw cause instanceof UnauthenticatedError ? cause : invalid(cause);
        },
      );
      return payload;
    },
  };
}

/** Imports a key once: jose would import its bytes again for each token, which takes as long as the signature. */
const importKey = ({ bytes }: SigningKey): Promise<webcrypto.CryptoKey> =>
  crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);

/** The present time as a JWT states it (s). */
export const numericDate = (time = Date.now()): number => Math.floor(time / 1000);
