import { errors, jwtVerify, SignJWT } from "jose";
import { UnauthenticatedError } from "../errors.ts";

/** The caller: anonymous, an account, or a back end of the game with a service token. */
export type Caller =
  | { readonly kind: "anonymous" }
  | { readonly kind: "user"; readonly id: string }
  | { readonly kind: "service"; readonly name: string };

export const anonymous: Caller = { kind: "anonymous" };

/** Issuer and audience of the tokens: the service accepts only its own (RFC 7519, 4.1.1 and 4.1.3). */
const issuer = "aeturnis-data";
const algorithm = "HS256";

/** The type of an access token, so that no other kind of token is accepted as one (RFC 9068, 2.1). */
const typ = "at+jwt";

/** Valid names of back ends, as logs and the audit trail show them. */
export const serviceName = /^[\w.-]{1,60}$/;

/** A UUID in the notation of PostgreSQL. */
const userId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Size of the cache of verified tokens: a game server sends the same token with every call. */
const maxCachedTokens = 10_000;

/** Signs and verifies access tokens: JWTs with an HMAC SHA-256 signature (RFC 7515). */
export function createTokens(secret: string) {
  const key = new TextEncoder().encode(secret);
  const verified = new Map<string, { caller: Caller; expires: number }>();

  const sign = (subject: string, lifetime: string): Promise<string> =>
    new SignJWT()
      .setProtectedHeader({ alg: algorithm, typ })
      .setIssuer(issuer)
      .setAudience(issuer)
      .setSubject(subject)
      .setIssuedAt()
      .setExpirationTime(lifetime)
      .sign(key);

  return {
    /** A token for a back end. @param lifetime jose's time span, such as `90d` or `12h` */
    signService: (name: string, lifetime: string) => sign(`service:${name}`, lifetime),

    /** A token for an account. It contains the id only: every call reads the account's permissions. */
    signUser: (id: string, lifetime: string) => sign(`user:${id.toLowerCase()}`, lifetime),

    /** @throws {UnauthenticatedError} when the token is foreign, altered or expired */
    verify: async (token: string): Promise<Caller> => {
      const known = verified.get(token);
      if (known !== undefined && known.expires > Date.now()) return known.caller;
      verified.delete(token);

      const { payload } = await jwtVerify(token, key, {
        algorithms: [algorithm],
        issuer,
        audience: issuer,
        typ,
        requiredClaims: ["sub", "exp"],
      }).catch((cause: unknown) => {
        const message =
          cause instanceof errors.JWTExpired ? "The access token has expired." : "The access token is not valid.";
        throw new UnauthenticatedError(message, { cause });
      });
      const caller = callerOf(String(payload.sub));
      if (verified.size >= maxCachedTokens) verified.clear();
      verified.set(token, { caller, expires: (payload.exp ?? 0) * 1000 });
      return caller;
    },
  };
}

/** @throws {UnauthenticatedError} */
function callerOf(subject: string): Caller {
  const [kind, name = ""] = subject.split(/:(.*)/s);
  if (kind === "service" && serviceName.test(name)) return { kind, name };
  if (kind === "user" && userId.test(name)) return { kind, id: name };
  throw new UnauthenticatedError("The access token is of a kind that this version does not know.");
}

export type Tokens = ReturnType<typeof createTokens>;
