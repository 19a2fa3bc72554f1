import type { IncomingHttpHeaders } from "node:http";
import { v7 as uuidv7 } from "uuid";
import { UnauthenticatedError } from "../errors.ts";
import { anonymous, type Caller, type Tokens } from "../identity/index.ts";

/** The caller that the `Authorization` header names (RFC 6750, 2.1), or why it was not accepted. */
export async function identify(headers: IncomingHttpHeaders, tokens: Tokens): Promise<Caller | UnauthenticatedError> {
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

/** The caller's own request id, if it is a plain one that can go into a log; else a new one. */
export function requestId(headers: IncomingHttpHeaders): string {
  const given = headers["x-request-id"];
  return typeof given === "string" && /^[\w.-]{8,64}$/.test(given) ? given : uuidv7();
}
