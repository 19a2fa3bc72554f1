import { existsSync, readFileSync } from "node:fs";
import { defineConfig } from "drizzle-kit";

// drizzle-kit cannot see a partitioned table: `push` would rename a partition into it and drop the
// triggers' tables from under it. Migrations are the only way this schema changes.
if (process.argv.includes("push")) {
  console.error(
    "drizzle-kit push is refused: it does not see partitioned tables and would destroy audit_log.\n" +
      "Change src/schema, then run `npx drizzle-kit generate --name <what_it_does>` and `npx drizzle-kit migrate`.",
  );
  process.exit(1);
}

// Without DATABASE_URL: the embedded server, whose address `npm start` leaves in .data/url.
const embeddedUrl = `${process.env["DATA_DIR"] ?? ".data"}/url`;
const url = process.env["DATABASE_URL"] ?? (existsSync(embeddedUrl) ? readFileSync(embeddedUrl, "utf8").trim() : "");

export default defineConfig({
  dialect: "postgresql",
  schema: ["users", "user-security", "audit-log", "user-sessions"].map((table) => `./src/schema/${table}.ts`),
  out: "./drizzle",
  dbCredentials: { url },
  schemaFilter: ["public"],
  strict: true,
  verbose: true,
});
