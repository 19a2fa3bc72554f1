/** Converts an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) to IPv4. Returns any other address unchanged. */
export function unmapped(address: string): string {
  if (!/^[0:]*:ffff:/i.test(address)) return address;
  // The URL parser normalizes the notations of an IPv6 address.
  const [, high, low] = /^\[::ffff:([\da-f]+):([\da-f]+)\]$/.exec(new URL(`http://[${address}]`).hostname) ?? [];
  if (high === undefined || low === undefined) return address;
  return [high, low].flatMap((part) => [Number.parseInt(part, 16) >> 8, Number.parseInt(part, 16) & 255]).join(".");
}
