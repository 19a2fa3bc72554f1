// What the figures depend on: the machine, and the versions of the servers.
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import postgres from "postgres";

const { dependencies } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));

/** The pinned version of a package of the benchmarks, with its name. */
const packageOf = (name) => `${name} ${dependencies[name]}`;

/** What each server does for a request, and what not. */
const work = {
  "by hand": `node:http, ${packageOf("postgres")}; one statement; no authorization, rate limit or validation; the service's columns`,
  "tRPC's Fastify adapter": `${packageOf("fastify")}, ${packageOf("@trpc/server")}, ${packageOf("drizzle-orm")}; validates input; no authorization or rate limit; the service's columns`,
  "Better Auth": `${packageOf("better-auth")}, ${packageOf("pg")}; verifies a signed cookie; no rate limit, no cookie cache; all 15 columns of its session and user`,
  "aeturnis-data":
    "verifies a signed token and, if it is a user's, account and session by another statement; validates input; refuses overload",
};

/** Prints the machine, and a line for each of these servers. Returns them. */
export async function describe(server, names) {
  const sql = postgres(server.url, { max: 1 });
  const [{ version }] = await sql`select current_setting('server_version') as version`;
  await sql.end();
  const machine = `${cpus()[0]?.model}, ${cpus().length} cores; Node.js ${process.version}, PostgreSQL ${version}`;
  const servers = Object.fromEntries(names.map((name) => [name, work[name]]));
  console.log(`\n${machine}\n`);
  for (const [name, does] of Object.entries(servers)) console.log(`${name}: ${does}`);
  return { machine, servers };
}
