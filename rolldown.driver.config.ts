import { defineConfig } from "rolldown";

// Writes the patched driver into `dist`, in place of what `tsc` made of the file that names it. drizzle-orm still
// imports the `postgres` of the registry, and opens nothing with it.
export default defineConfig({
  input: "src/database/postgres.ts",
  platform: "node",
  output: { file: "dist/database/postgres.js" },
});
