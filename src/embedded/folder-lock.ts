import { createHash } from "node:crypto";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createConnection, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { DataInUseError } from "./errors.ts";

/**
 * Takes a folder for this process until it ends, however it ends.
 *
 * A listening local socket is the one lock that the operating system itself drops with its owner:
 * a lock file would stay behind after `kill -9`. Whoever connects is told the owner's process id.
 *
 * @returns what gives it back
 * @throws {DataInUseError} when another process has it
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const address = socketAddress(folder);
  const server = await listen(address).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== "EADDRINUSE") throw error;
    const owner = await askOwner(address);
    if (owner !== undefined) throw new DataInUseError(folder, owner);
    // A socket file (macOS) whose owner died; abstract sockets and pipes leave nothing behind.
    rmSync(address, { force: true });
    return listen(address);
  });
  server.unref();
  return async () => {
    server.close();
    await once(server, "close");
  };
}

function socketAddress(folder: string): string {
  const name = `aeturnis-data-${createHash("sha256").update(folder).digest("hex").slice(0, 24)}`;
  if (process.platform === "linux") return `\0${name}`;
  return process.platform === "win32" ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.sock`);
}

async function listen(address: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.end(String(process.pid));
  });
  server.listen(address);
  await once(server, "listening");
  return server;
}

/** The owner's process id, or what is known of one that is stopped and does not answer; undefined when nobody listens. */
async function askOwner(address: string): Promise<string | undefined> {
  const socket = createConnection(address);
  socket.setTimeout(2_000, () => socket.destroy(Object.assign(new Error(), { code: "ETIMEDOUT" })));
  try {
    return await text(socket);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ETIMEDOUT" ? "(one that does not answer)" : undefined;
  }
}
