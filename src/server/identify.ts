import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { UnauthenticatedError } from "../errors.ts";
import { type AccessTokens, anonymous, type Caller } from "../identity/index.ts";

type Identified = Caller | UnauthenticatedError;

/**
 * Returns the caller of the `Authorization` header (RFC 6750, section 2.1), or the reason why it is refused: at once for a
 * token that was verified before, which most requests have.
 */
export function identify(headers: IncomingHttpHeaders, tokens: AccessTokens): Identified | Promise<Identified> {
  const { authorization } = headers;
  if (authorization === undefined) return anonymous;
  const token = /^Bearer ([\w.-]+)$/i.exec(authorization)?.[1];
  if (token === undefined) return new UnauthenticatedError("The Authorization header must read `Bearer <token>`.");
  return tokens.verifiedBefore(token) ?? verify(token, tokens);
}

async function verify(token: string, tokens: AccessTokens): Promise<Identified> {
  try {
    return await tokens.verify(token);
  } catch (error) {
    if (error instanceof UnauthenticatedError) return error;
    throw error;
  }
}

/** Returns the client's `x-request-id` if it is safe to log, or else a new id. */
export function requestId(headers: IncomingHttpHeaders): string {
  const given = headers["x-request-id"];
  return typeof given === "string" && /^[\w.-]{8,64}$/.test(given) ? given : randomUUID();
}
