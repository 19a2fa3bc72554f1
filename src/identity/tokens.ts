import { errors, jwtVerify, SignJWT } from "jose";
import { UnauthenticatedError } from "../errors.ts";

/** Who calls: nobody known, an account, or a back end of the game with a token of its own. */
export type Caller =
  | { readonly kind: "anonymous" }
  | { readonly kind: "user"; readonly id: string }
  | { readonly kind: "service"; readonly name: string };

export const anonymous: Caller = { kind: "anonymous" };

/** Our tokens are for us alone (RFC 7519, `iss` and `aud`). */
const party = "aeturnis-data";
const algorithm = "HS256";

/** Access tokens say so, and no other kind of token passes for one (RFC 9068, 2.1). */
const typ = "at+jwt";

/** Names of back ends: they stand in logs and in the audit trail. */
export const serviceName = /^[\w.-]{1,60}$/;

/** Ids of accounts, as PostgreSQL writes them. */
const userId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Tokens whose signature was found good are remembered: a game server sends the same one all day. */
const remembered = 10_000;

/** Signs and verifies access tokens: JWTs signed by HMAC with SHA-256 (RFC 7515). */
export function createTokens(secret: string) {
  const key = new TextEncoder().encode(secret);
  const verified = new Map<string, { caller: Caller; expires: number }>();

  const sign = (subject: string, lifetime: string): Promise<string> =>
    new SignJWT()
      .setProtectedHeader({ alg: algorithm, typ })
      .setIssuer(party)
      .setAudience(party)
      .setSubject(subject)
      .setIssuedAt()
      .setExpirationTime(lifetime)
      .sign(key);

  return {
    /** A token for a back end. @param lifetime jose's time span, such as `90d` or `12h` */
    signService: (name: string, lifetime: string) => sign(`service:${name}`, lifetime),

    /** A token for an account. It says who it is and no more: what the account may do is looked up at every call. */
    signUser: (id: string, lifetime: string) => sign(`user:${id.toLowerCase()}`, lifetime),

    /** @throws {UnauthenticatedError} when the token is not ours, was tampered with, or has expired */
    verify: async (token: string): Promise<Caller> => {
      const known = verified.get(token);
      if (known !== undefined && known.expires > Date.now()) return known.caller;
      verified.delete(token);

      const { payload } = await jwtVerify(token, key, {
        algorithms: [algorithm],
        issuer: party,
        audience: party,
        typ,
        requiredClaims: ["sub", "exp"],
      }).catch((cause: unknown) => {
        const message =
          cause instanceof errors.JWTExpired ? "The access token has expired." : "The access token is not valid.";
        throw new UnauthenticatedError(message, { cause });
      });
      const caller = callerOf(String(payload.sub));
      if (verified.size >= remembered) verified.clear();
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
