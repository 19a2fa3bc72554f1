import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { build } from "rolldown";

const root = join(import.meta.dirname, "../..");

/** Bundles the Vite example with the client of this version. */
async function bundleExample(): Promise<string> {
  const { output } = await build({
    input: join(root, "examples/vite/src/main.tsx"),
    resolve: { alias: { "aeturnis-data-client": join(root, "src/client/index.ts") } },
    transform: { define: { "process.env.NODE_ENV": '"production"' }, jsx: "react-jsx" },
    platform: "browser",
    output: { format: "esm" },
    logLevel: "silent",
    write: false,
  });
  return output[0].code;
}

/** Serves the Vite example, and passes calls on to a service as Vite's development server does. */
export async function servePage() {
  const script = await bundleExample();
  const html = readFileSync(join(root, "examples/vite/index.html"), "utf8");
  let target: URL | undefined;
  const server = createServer((incoming, answer) => {
    const { url = "/", method, headers } = incoming;
    if (!url.startsWith("/trpc")) {
      const isScript = url === "/src/main.tsx";
      answer.setHeader("content-type", isScript ? "text/javascript" : "text/html");
      return answer.end(isScript ? script : html);
    }
    const fail = () => answer.writeHead(502).end();
    if (target === undefined) return fail();
    const passed = request({ host: target.hostname, port: target.port, path: url, method, headers, agent: false });
    passed.on("response", (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    passed.on("error", fail);
    return incoming.pipe(passed);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    /** Names the service that answers the calls; undefined: none does. */
    passTo: (service: string | undefined) => {
      target = service === undefined ? undefined : new URL(service);
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
