import { createHash } from "node:crypto";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createConnection, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { DataInUseError } from "./errors.ts";

/**
 * Locks a folder for this process until the process ends.
 *
 * The lock is a listening local socket, because the operating system closes it with its process; a lock file would remain
 * after `kill -9`. The socket answers a connection with the owner's process id.
 *
 * @returns a function that releases the lock
 * @throws {DataInUseError} when another process holds the lock
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const address = socketAddress(folder);
  const server = await listen(address).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== "EADDRINUSE") throw error;
    const owner = await askOwner(address);
    if (owner !== undefined) throw new DataInUseError(folder, owner);
    // A socket file (macOS) remains when its owner is killed. Abstract sockets and pipes do not.
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

/** Returns the owner's process id, a placeholder if the owner does not answer, or undefined if there is no owner. */
async function askOwner(address: string): Promise<string | undefined> {
  const socket = createConnection(address);
  socket.setTimeout(2_000, () => socket.destroy(Object.assign(new Error(), { code: "ETIMEDOUT" })));
  try {
    return await text(socket);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ETIMEDOUT" ? "(one that does not answer)" : undefined;
  }
}
