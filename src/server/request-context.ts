import type { FastifyReply, FastifyRequest } from "fastify";
import type { Context, Services } from "../routers/index.ts";
import { addressOf } from "./client-address.ts";
import { disconnectionOf } from "./disconnection.ts";
import { identify } from "./identify.ts";
import { sessionCookiesOf } from "./session-cookies.ts";

/** Characters of a user agent that are stored. */
const maxUserAgentLength = 400;

/** Returns the context of a request's procedures. */
export async function createContext(
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
  { services, corsOrigins }: { services: Services; corsOrigins: readonly string[] },
): Promise<Context> {
  // Read before `identify` waits: a closed connection has no address.
  const ipAddress = addressOf(request.ip);
  const userAgent = request.headers["user-agent"]?.slice(0, maxUserAgentLength);
  const caller = await identify(request.headers, services.identity.accessTokens);
  return {
    services,
    requestId: request.id,
    caller,
    ipAddress,
    userAgent,
    disconnection: disconnectionOf(reply),
    cookies: sessionCookiesOf(request, reply, corsOrigins),
  };
}
