import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { FastifyServerOptions } from "fastify";
import type { Log } from "../observability/index.ts";
import { refusalBody } from "./error-responses.ts";
import { requestId } from "./identify.ts";
import { maxHeaderSize } from "./limits.ts";

/** How long a refused connection may take to read its answer (ms). */
const patience = 1_000;

/**
 * Answers, in tRPC's form, what Node's parser refuses before there is a request: headers that are too large, bytes
 * that are no HTTP, a request that does not come to its end in time.
 */
export function createClientErrorHandler(log: Log): NonNullable<FastifyServerOptions["clientErrorHandler"]> {
  const answered = new WeakSet<Socket>();
  return (error, socket) => {
    // The rest of what was refused arrives piece by piece; each is an error again.
    if (answered.has(socket)) return;
    answered.add(socket);
    const { _httpMessage: current } = socket as Socket & { _httpMessage?: { headersSent: boolean } };
    if (error.code === "ECONNRESET" || !socket.writable || current?.headersSent) return void socket.destroy();

    const [status, message] = refusalOf(error.code);
    const id = requestId({});
    log.debug({ code: error.code, status, requestId: id }, "request refused");
    const body = JSON.stringify(refusalBody(status, message, id));
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      "content-type: application/json; charset=utf-8",
      `content-length: ${Buffer.byteLength(body)}`,
      "cache-control: no-store",
      `x-request-id: ${id}`,
      "connection: close",
    ];
    socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
    // Closed at once with bytes unread, it would be reset, and the answer lost.
    socket.resume();
    setTimeout(() => socket.destroy(), patience).unref();
  };
}

function refusalOf(code: string): [status: number, message: string] {
  if (code === "HPE_HEADER_OVERFLOW")
    return [
      431,
      `The request's address and headers are larger than ${maxHeaderSize / 1024} KiB: ask by POST ` +
        "(methodOverride of tRPC's links), or in smaller batches (maxURLLength, maxItems).",
    ];
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return [408, "The request did not arrive in time."];
  return [400, "The request is not HTTP that can be read."];
}
