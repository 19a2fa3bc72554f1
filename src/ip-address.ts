/** Converts an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) to IPv4. Returns any other address unchanged. */
export function unmapped(address: string): string {
  if (!/^[0:]*:ffff:/i.test(address)) return address;
  // The URL parser normalizes the notations of an IPv6 address.
  const [, high, low] = /^\[::ffff:([\da-f]+):([\da-f]+)\]$/.exec(new URL(`http://[${address}]`).hostname) ?? [];
  if (high === undefined || low === undefined) return address;
  return [high, low].flatMap((part) => [Number.parseInt(part, 16) >> 8, Number.parseInt(part, 16) & 255]).join(".");
}

/** The block that one host has: an IPv4 address, or the /64 of an IPv6 address (RFC 4291, 2.5.4). */
export const addressBlock = (address: string): string => leadingParts(address, { octets: 4, groups: 4 });

/** The network of an address: the /24 of IPv4, the /48 of IPv6, which one site has (RFC 6177). */
export const networkBlock = (address: string): string => leadingParts(address, { octets: 3, groups: 3 });

function leadingParts(address: string, { octets, groups }: { octets: number; groups: number }): string {
  if (!address.includes(":")) return address.split(".").slice(0, octets).join(".");
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const leading = head.split(":").filter(Boolean);
  const trailing = tail?.split(":").filter(Boolean) ?? [];
  const zeros = Array<string>(8 - leading.length - trailing.length).fill("0");
  return [...leading, ...zeros, ...trailing].slice(0, groups).join(":");
}
