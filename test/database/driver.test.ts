import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it, onTestFinished } from "vitest";

/** A temporary project with the files that open the driver and a copy of the driver. */
function project() {
  const folder = mkdtempSync(join(tmpdir(), "aeturnis-driver-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const part of ["package-lock.json", "patches/postgres+3.4.9.patch", "node_modules/postgres"]) {
    cpSync(part, join(folder, part), { recursive: true });
  }
  for (const file of ["errors.ts", "database/driver.ts", "database/driver-error.ts", "database/postgres.ts"])
    cpSync(join("src", file), join(folder, "src", file));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", dependencies: { postgres: "3.4.9" } }));
  return {
    patch: (...flags: string[]) =>
      execFileSync(
        process.execPath,
        [`${process.cwd()}/node_modules/patch-package/index.js`, "--error-on-fail", ...flags],
        {
          cwd: folder,
          encoding: "utf8",
        },
      ),
    open: () =>
      execFileSync(
        process.execPath,
        [
          "--import",
          pathToFileURL("node_modules/tsx/dist/loader.mjs").href,
          "--eval",
          'import("./src/database/driver.ts").then(({ openDriver }) => openDriver({})).then(() => console.log("opened"), (error) => console.log(error.message))',
        ],
        { cwd: folder, encoding: "utf8" },
      ).trim(),
  };
}

it("openDriver opens a patched driver and refuses an unpatched one in a sentence that names the remedy", () => {
  const { patch, open } = project();
  expect(open()).toBe("opened");
  patch("--reverse");
  expect(open()).toBe(
    "The installed driver `postgres` lacks this project's patch, without which answers can reach the wrong queries: " +
      "run `npm run build` in this project, or reinstall its package.",
  );
  patch();
  patch();
  expect(open()).toBe("opened");
});
