import { isIP } from "node:net";

/**
 * The address in what a proxy or the network says, as PostgreSQL takes it: without port and zone (RFC 4007, 11), and an
 * IPv4 address that a socket of both families shows as IPv6 (RFC 4291, 2.5.5.2) as what it is.
 */
export function addressOf(text: string | undefined = ""): string | undefined {
  const address = text.replace(/^\[(.*)\](:\d+)?$|^([\d.]+):\d+$/, "$1$3").replace(/%.*$/, "");
  return isIP(address) === 0 ? undefined : unmapped(address);
}

function unmapped(address: string): string {
  if (!/^[0:]*:ffff:/i.test(address)) return address;
  // The URL parser writes every form of one address alike.
  const [, high, low] = /^\[::ffff:([\da-f]+):([\da-f]+)\]$/.exec(new URL(`http://[${address}]`).hostname) ?? [];
  if (high === undefined || low === undefined) return address;
  return [high, low].flatMap((part) => [Number.parseInt(part, 16) >> 8, Number.parseInt(part, 16) & 255]).join(".");
}
