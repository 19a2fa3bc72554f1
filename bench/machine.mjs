// What the figures depend on: the machine, and the versions of the servers.
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import postgres from "postgres";

const { dependencies } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));

/** The pinned version of a package of the benchmarks, with its name. */
export const packageOf = (name) => `${name} ${dependencies[name]}`;

/** Prints the machine, and a line for each server on what it does. Returns them. */
export async function describe(server, servers) {
  const sql = postgres(server.url, { max: 1 });
  const [{ version }] = await sql`select current_setting('server_version') as version`;
  await sql.end();
  const machine = `${cpus()[0]?.model}, ${cpus().length} cores; Node.js ${process.version}, PostgreSQL ${version}`;
  console.log(`\n${machine}\n`);
  for (const [name, does] of Object.entries(servers)) console.log(`${name}: ${does}`);
  return { machine, servers };
}
