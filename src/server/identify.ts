import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { UnauthenticatedError } from "../errors.ts";
import { type AccessTokens, anonymous, type Caller } from "../identity/index.ts";

/** Returns the caller of the `Authorization` header (RFC 6750, section 2.1), or the reason why it is refused. */
export async function identify(
  headers: IncomingHttpHeaders,
  tokens: AccessTokens,
): Promise<Caller | UnauthenticatedError> {
  const { authorization } = headers;
  if (authorization === undefined) return anonymous;
  const token = /^Bearer ([\w.-]+)$/i.exec(authorization)?.[1];
  if (token === undefined) return new UnauthenticatedError("The Authorization header must read `Bearer <token>`.");
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
