import type { IncomingMessage } from "node:http";
import { isIP, isIPv4 } from "node:net";
import proxyAddr from "@fastify/proxy-addr";
import { unmapped } from "../ip-address.ts";

/**
 * Returns a function that returns the address of a request's client; undefined where a proxy reports none. Only a
 * trusted proxy may name it, in X-Forwarded-For.
 */
export function clientAddressBy(trustedProxies: readonly string[]): (request: IncomingMessage) => string | undefined {
  if (trustedProxies.length === 0) return ({ socket }) => addressOf(socket.remoteAddress);
  const trust = proxyAddr.compile([...trustedProxies]);
  return (request) => addressOf(proxyAddr(request, trust));
}

/**
 * Returns the IP address in the text of a proxy or a socket, in a form that PostgreSQL's `inet` accepts: without port
 * and zone (RFC 4007, section 11). Undefined if there is none.
 */
export function addressOf(text: string | undefined = ""): string | undefined {
  if (isIPv4(text)) return text;
  const address = text.replace(/^\[(.*)\](:\d+)?$|^([\d.]+):\d+$/, "$1$3").replace(/%.*$/, "");
  return isIP(address) === 0 ? undefined : unmapped(address);
}
