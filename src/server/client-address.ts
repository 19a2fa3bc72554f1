import { isIP } from "node:net";
import { unmapped } from "../ip-address.ts";

/** The address in what a proxy or the network says, as PostgreSQL takes it: without port and zone (RFC 4007, 11). */
export function addressOf(text: string | undefined = ""): string | undefined {
  const address = text.replace(/^\[(.*)\](:\d+)?$|^([\d.]+):\d+$/, "$1$3").replace(/%.*$/, "");
  return isIP(address) === 0 ? undefined : unmapped(address);
}
