import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/config.ts";
import { makeDataFolder } from "../../src/config/data-folder.ts";
import { type EmbeddedServer, startEmbedded } from "../../src/embedded/server.ts";
import { signingSecrets } from "../../src/identity/secret.ts";
import { quiet } from "../support/database.ts";

const root = process.getuid?.() === 0;
const base = mkdtempSync(join(tmpdir(), "aeturnis-data-test-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

describe.runIf(process.platform === "linux")("a data folder", () => {
  writeFileSync(join(base, "file"), "");
  symlinkSync(join(base, "nowhere"), join(base, "link"));
  symlinkSync("/proc/self", join(base, "way"));

  it.each([
    ["/proc/aeturnis/data", /is below \/proc/],
    ["/proc", /is below \/proc/],
    ["/sys/aeturnis", /is below \/sys/],
    ["/dev/aeturnis", /is below \/dev/],
    [join(base, "way/x/y"), /is below \/proc/],
    [join(base, "file"), /file is a file/],
    [join(base, "file/x/y"), /file is a file/],
    [join(base, "link"), /link .* leads nowhere/],
    [join(base, "link/x"), /link .* leads nowhere/],
  ])(
    "a data folder at %s is refused for the database and for secrets, with its name and the remedy",
    async (folder, reason) => {
      const refusals = [
        await startEmbedded({ folder, log: quiet }).catch((error) => error),
        (() => {
          try {
            return signingSecrets(loadConfig({ DATA_DIR: folder }));
          } catch (error) {
            return error;
          }
        })(),
      ];
      for (const error of refusals) {
        expect(error).toMatchObject({ name: "ConfigError", message: expect.stringMatching(reason) });
        expect(error.message).toMatch(/DATA_DIR \(.*Set DATA_DIR to/);
      }
    },
  );

  it("a data folder is created with its parents, and an existing one is accepted unchanged", () => {
    for (const folder of ["a/b/c", "a/b/c", "a/b"]) makeDataFolder(join(base, folder));
    expect(existsSync(join(base, "a/b/c"))).toBe(true);
    makeDataFolder("/dev/shm");
  });
});

describe.runIf(process.platform === "linux")("embedded data", () => {
  const folder = join(base, "data");
  let server: EmbeddedServer;
  beforeAll(async () => {
    chmodSync(base, 0o755);
    server = await startEmbedded({ folder, log: quiet });
    await server.stop();
  });
  const start = () => startEmbedded({ folder, log: quiet }).then((started) => started.stop());
  const own = root ? 65534 : (process.getuid?.() ?? 0);

  it.runIf(root).each(["", "PG_VERSION", "base"])(
    "embedded data of which %j belongs to root is refused with the chown command that corrects it",
    async (entry) => {
      const path = join(server.cluster, entry);
      chownSync(path, 0, 0);
      const remedy = new RegExp(
        `belongs to user id 0, and PostgreSQL runs as user id ${own} .*chown -R ${own}:\\d+ ${server.cluster}`,
      );
      await expect(start()).rejects.toThrow(remedy);
      chownSync(path, own, own);
    },
  );

  it("embedded data that others may read is refused with the chmod command that corrects it", async () => {
    chmodSync(server.cluster, 0o755);
    await expect(start()).rejects.toThrow(`Run: chmod 700 ${server.cluster}`);
    chmodSync(server.cluster, 0o700);
  });

  it("embedded data without PG_VERSION, an empty folder and a file in its place are refused with the remedy", async () => {
    const version = join(server.cluster, "PG_VERSION");
    renameSync(version, join(base, "version"));
    await expect(start()).rejects.toThrow(/has no PG_VERSION.*remove that folder to begin anew/);
    renameSync(join(base, "version"), version);

    const aside = `${server.cluster}-aside`;
    renameSync(server.cluster, aside);
    mkdirSync(server.cluster, { mode: 0o700 });
    if (root) chownSync(server.cluster, own, own);
    await expect(start()).rejects.toThrow(/is empty.*remove that folder to begin anew/);
    rmSync(server.cluster, { recursive: true });
    writeFileSync(server.cluster, "");
    await expect(start()).rejects.toThrow(/is a file.*Move it away/);
    rmSync(server.cluster);
    renameSync(aside, server.cluster);
  });

  it("the error of embedded data that does not start contains the log of this start only", async () => {
    writeFileSync(join(folder, "postgres.log"), "FATAL: of yesterday\n", { flag: "a" });
    const settings = { shared_buffers: "no amount" };
    const error = await startEmbedded({ folder, log: quiet, settings }).catch((reason: Error) => reason);
    expect(error).toMatchObject({ message: expect.stringMatching(/did not start.*shared_buffers/s) });
    expect((error as Error).message).not.toContain("yesterday");
    await start();
  });
});
