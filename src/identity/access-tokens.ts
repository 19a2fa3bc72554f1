import { LRUCache } from "lru-cache";
import { v7 as uuidv7 } from "uuid";
import { UnauthenticatedError } from "../errors.ts";
import { isUuid } from "../validation/index.ts";
import { createJwt, numericDate } from "./jwt.ts";
import { deriveKeys } from "./signing-keys.ts";

/** The caller: anonymous, an account in one of its sessions, or a back end of the game with a service token. */
export type Caller =
  | { readonly kind: "anonymous" }
  | { readonly kind: "user"; readonly id: string; readonly sessionId: string }
  | { readonly kind: "service"; readonly name: string };

export const anonymous: Caller = { kind: "anonymous" };

/** Lifetime of a user's access token (s). */
export const accessTokenLifetime = 15 * 60;

/** Valid names of back ends, as logs and the audit trail show them. */
export const serviceName = /^[\w.-]{1,60}$/;

/** Size of the cache of verified tokens: a game server sends the same token with every call. */
const maxCachedTokens = 10_000;

/** Signs and verifies access tokens (RFC 9068). @param secrets newest first; the first one signs */
export function createAccessTokens(secrets: readonly string[]) {
  const jwt = createJwt(deriveKeys(secrets, "access tokens"), {
    typ: "at+jwt",
    audience: "aeturnis-data",
    noun: "access token",
    requiredClaims: ["sub", "exp", "jti"],
  });
  const verified = new LRUCache<string, { caller: Caller; expires: number }>({ max: maxCachedTokens });

  const verifiedBefore = (token: string): Caller | undefined => {
    const known = verified.get(token);
    if (known !== undefined && known.expires > Date.now()) return known.caller;
    verified.delete(token);
    return undefined;
  };

  const sign = (claims: { sub: string; sid?: string }, lifetime: number) => {
    const iat = numericDate();
    return jwt.sign({ ...claims, jti: uuidv7(), iat, exp: iat + lifetime });
  };

  return {
    /** A token for a back end. @param lifetime in s */
    signService: (name: string, lifetime: number) => sign({ sub: `service:${name}` }, lifetime),

    /**
     * A token for a session of an account. It contains no permission: every call reads the account and the session.
     *
     * @param lifetime in s
     */
    signUser: ({ userId, sessionId }: { userId: string; sessionId: string }, lifetime = accessTokenLifetime) =>
      sign({ sub: `user:${userId}`, sid: sessionId }, lifetime),

    /** The caller of a token that was verified before and has not expired. */
    verifiedBefore,

    /** @throws {UnauthenticatedError} when the token is foreign, altered or expired */
    verify: async (token: string): Promise<Caller> => {
      const known = verifiedBefore(token);
      if (known !== undefined) return known;
      const { sub, sid, exp = 0 } = await jwt.verify(token);
      const caller = callerOf(String(sub), sid);
      verified.set(token, { caller, expires: exp * 1000 });
      return caller;
    },
  };
}

/** @throws {UnauthenticatedError} */
function callerOf(subject: string, sessionId: unknown): Caller {
  const [kind, name = ""] = subject.split(/:(.*)/s);
  if (kind === "service" && serviceName.test(name)) return { kind, name };
  if (kind === "user" && isUuid(name) && typeof sessionId === "string" && isUuid(sessionId))
    return { kind, id: name, sessionId };
  throw new UnauthenticatedError("The access token is of a kind that this version does not know.");
}

export type AccessTokens = ReturnType<typeof createAccessTokens>;
