// Starts servers as processes of their own, and calls procedures over HTTP.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { createServer } from "node:net";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** A secret of at least 32 characters for services under measurement. */
export const benchSecret = "a secret that signs nothing but the tokens of benchmarks";

/** The login of services under measurement. */
export const serviceLogin = { user: "aeturnis_bench_service", password: "a password of benchmarks" };

/** The URL of a database with the login of services, in place of its owner's. */
export function serviceUrl(databaseUrl) {
  const url = new URL(databaseUrl);
  [url.username, url.password] = [serviceLogin.user, serviceLogin.password];
  return url.href;
}

/**
 * Starts the service on a free port, with the settings of production and a login that owns nothing.
 *
 * @param options.args options of Node.js
 * @param options.probe the path that is answered when the service is ready
 * @param options.reportsTime whether `cpuSeconds` can be asked for, which needs a module more at the start
 */
export async function startService(databaseUrl, { args = [], env = {}, probe, reportsTime = true } = {}) {
  const port = await freePort();
  const settings = {
    ...process.env,
    NODE_ENV: "production",
    LOG_LEVEL: "warn",
    DATABASE_URL: serviceUrl(databaseUrl),
    DATABASE_POOL_MAX: "10",
    JWT_SECRET: benchSecret,
    ENCRYPTION_KEYS: `bench:${Buffer.alloc(32).toString("base64")}`,
    AUDIT_SIGNING_KEY: "PRIVATE+KEY+bench.example/log+d1880ef9+AWReaFeMoCEiyY5fGmTytucUiqllnbem/5uYtJgCX4aL",
    PORT: String(port),
    ...env,
  };
  const reporter = reportsTime ? ["--import", new URL("cpu-reporter.mjs", import.meta.url).href] : [];
  const program = ["--max-semi-space-size=8", "dist/bin/aeturnis-data.js", "serve"];
  return startProcess([...args, ...reporter, ...program], { env: settings, port, probe });
}

/** Starts a server of `bench/peers` on a free port. @param env further settings of it */
export async function startPeer(name, databaseUrl, env = {}) {
  const port = await freePort();
  const settings = { ...process.env, NODE_ENV: "production", DATABASE_URL: databaseUrl, PORT: String(port), ...env };
  return startProcess([fileURLToPath(new URL(`peers/${name}.mjs`, import.meta.url))], { env: settings, port });
}

/** Starts a server, and waits until it is ready. */
async function startProcess(args, { env, port, probe = "/readyz" }) {
  const started = performance.now();
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "ignore", "inherit", "ipc"] });
  // A benchmark that fails leaves no server behind.
  const kill = () => child.kill();
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
  const url = `http://127.0.0.1:${port}`;
  while (!(await isReady(url + probe))) {
    if (performance.now() - started > 10_000 || child.exitCode !== null)
      throw new Error(`${args.at(-1)} did not start`);
    await setTimeout(5);
  }
  return {
    url,
    pid: child.pid,
    /** Time from the start of the process to its first answer (ms). */
    startTime: performance.now() - started,
    /** Processor time that the process has taken since its start (s). */
    cpuSeconds: async () => {
      const answer = once(child, "message");
      child.send("cpu");
      const [{ user, system }] = await answer;
      return (user + system) / 1e6;
    },
    stop: async () => {
      child.kill("SIGTERM");
      if (child.exitCode === null) await once(child, "exit");
    },
  };
}

/** The service answers 503 while it is not ready, a peer 404: it has no such route. */
const isReady = (url) =>
  fetch(url).then(
    ({ status }) => status < 500,
    () => false,
  );

/** A port that nothing listens on. */
export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/**
 * Returns a function that calls a mutation over connections that are kept open.
 *
 * @param options.token an access token
 * @returns of the function: the HTTP status, and the data of an answer with status 200
 */
export function createCaller({ url }, { token } = {}) {
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return (procedure, input) =>
    new Promise((resolve, reject) => {
      const body = JSON.stringify({ json: input });
      const headers = {
        ...authorization,
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
      };
      const sent = request(`${url}/trpc/${procedure}`, { method: "POST", agent, headers }, (response) => {
        const chunks = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const { statusCode: status } = response;
          resolve({ status, data: status === 200 ? JSON.parse(Buffer.concat(chunks)).result.data.json : undefined });
        });
      });
      sent.on("error", reject);
      sent.end(body);
    });
}
