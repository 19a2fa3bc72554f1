import { existsSync, readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { defineConfig } from "drizzle-kit";
import { loadDatabaseConfig, parseDatabaseUrl } from "./src/config/index.ts";
import { driverOptions } from "./src/database/index.ts";

// drizzle-kit does not see partitioned tables: `push` would rename a partition to the name of the table and drop
// tables that triggers use. Only migrations change this schema.
if (process.argv.includes("push")) {
  console.error(
    "drizzle-kit push is refused: it does not see partitioned tables and would destroy audit_log.\n" +
      "Change src/schema, then run `npx aeturnis-data migrate new <what_it_does>` and `npx aeturnis-data migrate up`.",
  );
  process.exit(1);
}

// drizzle-kit connects to the service's database with the same variables and checks. Without DATABASE_URL it connects
// to the embedded server, whose address `npm start` writes to the data folder. A migration needs no other variable.
const { dataDirectory, database } = loadDatabaseConfig({ ...process.env, NODE_ENV: undefined });
if (database.url !== undefined) loadDatabaseConfig(process.env);

export default defineConfig({
  dialect: "postgresql",
  schema: [
    "users",
    "user-security",
    "audit-log",
    "audit-leaves",
    "audit-sequencer",
    "audit-tree",
    "audit-checkpoints",
    "user-sessions",
    "user-devices",
    "rate-limits",
    "challenges",
  ].map((table) => `./src/schema/${table}.ts`),
  out: "./drizzle",
  dbCredentials: credentials(database.url ?? embeddedUrl()),
  schemaFilter: ["public"],
  strict: true,
  verbose: true,
});

function embeddedUrl(): string {
  const file = `${dataDirectory}/url`;
  return existsSync(file) ? readFileSync(file, "utf8").trim() : "";
}

/** Without an address, generate and check still work, because they need no database. */
function credentials(url: string) {
  if (url === "") return { url };
  const { host, hostAddress = host, port, user, password, database: name } = parseDatabaseUrl(url);
  // drizzle-kit passes only these fields, and postgres.js splits an IPv6 address at its colons.
  if (isIPv6(hostAddress)) {
    console.error(
      "drizzle-kit reaches no IPv6 address: put a name into DATABASE_URL, or use `npx aeturnis-data migrate`.",
    );
    process.exit(1);
  }
  return {
    host: hostAddress,
    port,
    user,
    // drizzle-kit refuses an empty password.
    ...(password && { password }),
    database: name,
    ssl: driverOptions({ ...database, url }).ssl,
  };
}
