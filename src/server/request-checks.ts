import type { IncomingMessage } from "node:http";
import type { FastifyInstance } from "fastify";
import { type ErrorResponse, sendError } from "./error-responses.ts";
import { maxHeadSize } from "./limits.ts";

/** Refuses requests that no route can answer, before their body is read. */
export function addRequestChecks(server: FastifyInstance): void {
  // Without a listener, Node answers an unknown Expect header itself and without a body (RFC 9110, section 10.1.1).
  server.server.on("checkExpectation", (request, reply) => server.server.emit("request", request, reply));
  server.addHook("onRequest", (request, reply, done) => {
    const response = errorResponseFor(request.raw);
    if (response === undefined) return done();
    if (response.status === 415) reply.header("accept-encoding", "identity");
    sendError(request, reply, response);
  });
}

const headLimit = `${maxHeadSize / 1024} KiB`;
export const headRemedy =
  "send the call by POST (methodOverride of tRPC's links), or send smaller batches (maxURLLength, maxItems).";

/** Why a request is refused before its body is read, if it is. */
export function errorResponseFor(request: IncomingMessage): ErrorResponse | undefined {
  const { url = "", rawHeaders, httpVersion } = request;
  const { host, expect, "content-encoding": encoding } = request.headers;
  if (url.length > maxHeadSize) return { status: 414, message: `The URL is larger than ${headLimit}: ${headRemedy}` };
  // Each header has a colon, a space, and a line end besides its name and value.
  const headSize = rawHeaders.reduce((size, text) => size + text.length + 2, url.length);
  if (headSize > maxHeadSize)
    return { status: 431, message: `URL and headers are larger than ${headLimit}: ${headRemedy}` };
  // RFC 9110, section 7.2. The option requireHostHeader of Node would answer without a body.
  if (host === undefined && httpVersion === "1.1") return { status: 400, message: "There is no Host header." };
  if (expect !== undefined && !/^100-continue$/i.test(expect))
    return { status: 417, message: "The Expect header cannot be met: omit it." };
  if (encoding !== undefined && !/^identity$/i.test(encoding))
    return { status: 415, message: "No content-encoding is supported: send the body as it is." };
  return undefined;
}
