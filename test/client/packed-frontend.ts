import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export const root = join(import.meta.dirname, "../..");

/**
 * Packs the client and installs it in a project outside the repository, with the peers from here: no network. The script
 * before `npm pack` is not run: it would replace the program while other tests start it.
 */
export function installClient(frontend: string): void {
  execFileSync("node_modules/.bin/rolldown", ["-c", "rolldown.config.ts"], { cwd: root });
  const pack = [
    "pack",
    "./src/client",
    "--ignore-scripts",
    "--pack-destination",
    frontend,
    "--json",
    "--loglevel=error",
  ];
  const packed = execFileSync("npm", pack, { cwd: root, encoding: "utf8" });
  const [{ filename }] = JSON.parse(packed.slice(packed.indexOf("[")));
  const peers = Object.fromEntries(
    ["@trpc/client", "@trpc/server"].map((name) => [name, `file:${join(root, "node_modules", name)}`]),
  );
  const dependencies = { ...peers, "aeturnis-data-client": `file:${filename}` };
  writeFileSync(join(frontend, "package.json"), JSON.stringify({ type: "module", private: true, dependencies }));
  const install = ["install", "--offline", "--install-links", "--legacy-peer-deps", "--loglevel=error"];
  execFileSync("npm", install, { cwd: frontend });
}

/** Writes a strict `tsconfig.json` of a project for browsers. */
export function writeConfig(
  folder: string,
  { compilerOptions, files }: { compilerOptions: object; files: readonly string[] },
): void {
  const strict = {
    strict: true,
    noUncheckedIndexedAccess: true,
    noEmit: true,
    target: "es2022",
    lib: ["es2022", "dom", "dom.iterable"],
    module: "esnext",
    moduleResolution: "bundler",
  };
  const config = { compilerOptions: { ...strict, ...compilerOptions }, files };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
}

/** Copies the examples beside the installed client, and links the other packages that they import. */
export function prepareExamples(frontend: string): void {
  const folder = join(frontend, "examples");
  const sources = readdirSync(join(root, "examples"), { recursive: true, encoding: "utf8" }).filter(
    (file) => /\.tsx?$/.test(file) && file.includes("/") && !file.includes("node_modules"),
  );
  for (const file of sources) cpSync(join(root, "examples", file), join(folder, file));
  for (const name of [
    "@tanstack",
    "@trpc/tanstack-react-query",
    "@types",
    "csstype",
    "react",
    "react-dom",
    "undici-types",
  ]) {
    const link = join(folder, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, "node_modules", name), link);
  }
  writeFileSync(join(folder, "frameworks.d.ts"), frameworks);
  const compilerOptions = {
    jsx: "react-jsx",
    types: ["node"],
    skipLibCheck: true,
    preserveSymlinks: true,
    allowImportingTsExtensions: true,
  };
  writeConfig(folder, { compilerOptions, files: ["frameworks.d.ts", ...sources] });
}

/** The parts of Next that the examples use: it is not installed here. */
const frameworks = `
  declare module "next/headers" {
    export function cookies(): Promise<{ get(name: string): { name: string; value: string } | undefined }>;
  }
  declare module "next/navigation" {
    export function redirect(url: string): never;
  }
`;

/** Compiles a project, and returns the messages of each file that has some. */
export function compile(folder: string): Map<string, string[]> {
  const problems = new Map<string, string[]>();
  for (const line of compilerOutput(folder).split("\n")) {
    const file = /^(\S+)\(\d+,\d+\): error/.exec(line)?.[1] ?? (line.startsWith("error") ? "project" : undefined);
    if (file !== undefined) problems.set(file, [...(problems.get(file) ?? []), line]);
  }
  return problems;
}

function compilerOutput(folder: string): string {
  try {
    return execFileSync(join(root, "node_modules/.bin/tsc"), ["-p", "."], { cwd: folder, encoding: "utf8" });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}
