import { dirname, resolve } from "node:path";
import { defineConfig, type Plugin } from "rolldown";
import { dts } from "rolldown-plugin-dts";

// Bundles what `tsc` made of src/client into the package that frontends install: one file of code,
// one of types, with superjson inside and @trpc/* outside.

/** Of the packages, superjson alone goes in; a type that leads to another is dropped as unused, or the pack test fails. */
const external = (id: string) => /^[@\w]/.test(id) && id !== "superjson";
const dir = "src/client/dist";

/**
 * Declarations name their neighbours as `.ts`. The service's context stays out: callers never see
 * it, and it would bring the types of the whole server along.
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
    // @trpc/server's types name Disposable, which a frontend's `lib` may lack.
    output: { dir, banner: '/// <reference lib="esnext.disposable" />' },
  },
]);
