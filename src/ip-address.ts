/** An IPv4 address that a socket of both families shows as IPv6 (RFC 4291, 2.5.5.2), as what it is; others as they are. */
export function unmapped(address: string): string {
  if (!/^[0:]*:ffff:/i.test(address)) return address;
  // The URL parser writes every form of one address alike.
  const [, high, low] = /^\[::ffff:([\da-f]+):([\da-f]+)\]$/.exec(new URL(`http://[${address}]`).hostname) ?? [];
  if (high === undefined || low === undefined) return address;
  return [high, low].flatMap((part) => [Number.parseInt(part, 16) >> 8, Number.parseInt(part, 16) & 255]).join(".");
}
