import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { FastifyServerOptions } from "fastify";
import type { Log } from "../observability/index.ts";
import { type ErrorResponse, errorResponseBody } from "./error-responses.ts";
import { requestId } from "./identify.ts";
import { maxHeadSize } from "./limits.ts";
import { headRemedy } from "./request-checks.ts";

/** How long the client may take to read the answer before its connection is closed (ms). */
const closeDelay = 1_000;

/**
 * Returns a handler that answers, as tRPC errors, requests that Node's parser refuses: heads that are too large, bytes
 * that are not HTTP, requests that do not arrive in time. Node cannot parse further requests of such a connection, so
 * it is closed.
 */
export function createClientErrorHandler(log: Log): NonNullable<FastifyServerOptions["clientErrorHandler"]> {
  const answered = new WeakSet<Socket>();
  return (error, socket) => {
    // Each further chunk of a refused request is an error again.
    if (answered.has(socket)) return;
    answered.add(socket);
    const { _httpMessage: current } = socket as Socket & { _httpMessage?: { headersSent: boolean } };
    if (error.code === "ECONNRESET" || !socket.writable || current?.headersSent) return void socket.destroy();

    const response = errorResponseFor(error.code);
    const { status } = response;
    const id = requestId({});
    log.debug({ code: error.code, status, requestId: id }, "request refused");
    const body = JSON.stringify(errorResponseBody(response, id));
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      "content-type: application/json; charset=utf-8",
      `content-length: ${Buffer.byteLength(body)}`,
      "cache-control: no-store",
      `x-request-id: ${id}`,
      // No Origin was read. The error holds no data, so pages of every origin may read it.
      "access-control-allow-origin: *",
      "access-control-expose-headers: retry-after, x-request-id",
      "connection: close",
    ];
    socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
    // Closing a socket with unread data resets the connection, and the client may lose the answer.
    socket.resume();
    setTimeout(() => socket.destroy(), closeDelay).unref();
  };
}

function errorResponseFor(code: string): ErrorResponse {
  if (code === "HPE_HEADER_OVERFLOW")
    return { status: 431, message: `URL and headers are larger than ${maxHeadSize / 1024} KiB: ${headRemedy}` };
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return { status: 408, message: "The request did not arrive in time." };
  return { status: 400, message: "The request is not valid HTTP." };
}
