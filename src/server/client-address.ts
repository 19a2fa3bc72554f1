import { isIP } from "node:net";
import { unmapped } from "../ip-address.ts";

/**
 * Returns the IP address in the text of a proxy or a socket, in a form that PostgreSQL's `inet` accepts: without port
 * and zone (RFC 4007, section 11). Undefined if there is none.
 */
export function addressOf(text: string | undefined = ""): string | undefined {
  const address = text.replace(/^\[(.*)\](:\d+)?$|^([\d.]+):\d+$/, "$1$3").replace(/%.*$/, "");
  return isIP(address) === 0 ? undefined : unmapped(address);
}
