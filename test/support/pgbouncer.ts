import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { parseDatabaseUrl } from "../../src/config/database-url/parse.ts";

const binary = "/usr/sbin/pgbouncer";

/** Whether the Debian package is installed; CI installs it. */
export const hasPgBouncer = (() => {
  try {
    accessSync(binary);
    return true;
  } catch {
    return false;
  }
})();

/** Starts PgBouncer in transaction mode for a database, and stops it when the test ends. */
export async function pgBouncer(...args: Parameters<typeof startPgBouncer>): Promise<string> {
  const { url, stop } = await startPgBouncer(...args);
  onTestFinished(stop);
  return url;
}

/**
 * Starts PgBouncer in transaction mode for every database of a server, with `poolSize` connections to each. It lets in the
 * login of the URL and the given ones, without their passwords.
 */
export async function startPgBouncer(
  databaseUrl: string,
  {
    poolSize,
    settings = [],
    logins = [],
  }: { poolSize: number; settings?: readonly string[]; logins?: readonly { user: string; password: string }[] },
): Promise<{ url: string; stop: () => Promise<void> }> {
  const { host, port, user, password, database } = parseDatabaseUrl(databaseUrl);
  const folder = mkdtempSync(join(tmpdir(), "aeturnis-pgbouncer-"));
  chmodSync(folder, 0o755);
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const own = (listener.address() as AddressInfo).port;
  listener.close();
  await once(listener, "close");
  const users = [{ user, password: password ?? "" }, ...logins].map(
    ({ user, password }) => `"${user}" "${password}"\n`,
  );
  writeFileSync(join(folder, "users.txt"), users.join(""));
  writeFileSync(
    join(folder, "pgbouncer.ini"),
    [
      "[databases]",
      `* = host=${host} port=${port}`,
      "[pgbouncer]",
      `listen_addr = 127.0.0.1\nlisten_port = ${own}\nunix_socket_dir =`,
      `auth_type = trust\nauth_file = ${folder}/users.txt`,
      `pool_mode = transaction\ndefault_pool_size = ${poolSize}\nmax_client_conn = 200`,
      ...settings,
    ].join("\n"),
  );
  // PgBouncer refuses to run as root.
  const unprivileged = process.getuid?.() === 0 ? ["-u", "nobody"] : [];
  const child = spawn(binary, ["-q", ...unprivileged, join(folder, "pgbouncer.ini")], { stdio: "ignore" });
  const stop = async () => {
    child.kill("SIGINT");
    if (child.exitCode === null) await once(child, "exit");
    rmSync(folder, { recursive: true, force: true });
  };
  while (!(await answers(own))) if (child.exitCode !== null) throw new Error("PgBouncer did not start");
  return { url: `postgres://${encodeURIComponent(user)}@127.0.0.1:${own}/${encodeURIComponent(database)}`, stop };
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
