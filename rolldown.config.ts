import { dirname, resolve } from "node:path";
import { defineConfig, type Plugin } from "rolldown";
import { dts } from "rolldown-plugin-dts";

// Bundles the output of `tsc` for src/client into the package that frontends install: one file of code and one of
// declarations. superjson is included; @trpc/* are peers.

/** Packages that stay outside. An unused import of one is dropped; a used one fails test/client/package.test.ts. */
const external = (id: string) => /^[@\w]/.test(id) && id !== "superjson";
const dir = "src/client/dist";

/**
 * Resolves imports of `.ts` files to declarations. The context of procedures is replaced by an empty type: clients do
 * not see it, and it would include the types of the whole server.
 */
const declarations: Plugin = {
  name: "declarations",
  resolveId: {
    order: "pre",
    handler(source, importer) {
      if (importer === undefined || !source.startsWith(".") || !source.endsWith(".ts")) return null;
      return resolve(dirname(importer), source.replace(/(\.d)?\.ts$/, ".d.ts"));
    },
  },
  load: {
    order: "pre",
    handler: (id) =>
      id.endsWith("/dist/routers/context.d.ts") ? "export type Context = object; export type Services = object;" : null,
  },
};

export default defineConfig([
  { input: "dist/client/index.js", external: /^@trpc\//, platform: "neutral", output: { dir } },
  {
    input: { index: "dist/client/index.d.ts" },
    external,
    plugins: [declarations, dts({ dtsInput: true, emitDtsOnly: true, tsconfig: false })],
    // @trpc/server's types use Disposable, which a frontend's `lib` may lack.
    output: { dir, banner: '/// <reference lib="esnext.disposable" />' },
  },
]);
