import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

/** Returns the port of the last start, so that a saved URL remains valid, or 0. */
export function lastPort(folder: string): number {
  const file = join(folder, "url");
  if (!existsSync(file)) return 0;
  const text = readFileSync(file, "utf8").trim();
  return URL.canParse(text) ? Number(new URL(text).port) : 0;
}

/** Returns `wanted` if it is free, else any free port. */
export async function freePort(wanted: number): Promise<number> {
  const server = createServer();
  try {
    server.listen(wanted, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : wanted;
  } catch (error) {
    if (wanted === 0) throw error;
    return freePort(0);
  } finally {
    server.close();
  }
}
