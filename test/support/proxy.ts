import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { parseDatabaseUrl } from "../../src/config/database-url/parse.ts";

/** Starts a TCP proxy for the database that can interrupt connections, and closes it when the test ends. */
export async function wireTo(databaseUrl: string) {
  const { host, port: targetPort, socket, user, password = "", database } = parseDatabaseUrl(databaseUrl);
  const sockets = new Set<Socket>();
  let silent = false;
  let server = createServer();

  const listen = async (port: number) => {
    server = createServer((near) => {
      const far = socket === undefined ? connect(targetPort, host) : connect(socket);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(from);
        from.on("data", (data) => silent || to.write(data));
        from.on("close", () => to.destroy());
        from.on("error", () => to.destroy());
      }
    }).listen(port, "127.0.0.1");
    await once(server, "listening");
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;

  const tear = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  const cut = async () => {
    server.close();
    tear();
    await once(server, "close");
  };
  onTestFinished(() => {
    server.close();
    tear();
  });

  const secret = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
  return {
    url: `postgres://${secret}@127.0.0.1:${port}/${encodeURIComponent(database)}`,
    /** Closes every connection, and refuses new ones. */
    cut,
    /** Keeps connections open, and refuses new ones. */
    refuse: () => void server.close(),
    /** Closes every connection, and accepts new ones. */
    tear,
    /** Accepts connections again after `cut` or `refuse`. */
    mend: () => listen(port),
    /** Keeps connections open and drops all data, as a network that loses packets. */
    silence: () => {
      silent = true;
    },
    /** Forwards new data again after `silence`. */
    speak: () => {
      silent = false;
    },
  };
}
