import { existsSync, readdirSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import type { Account } from "./account.ts";
import { EmbeddedError } from "./errors.ts";

/**
 * Checks the requirements of PostgreSQL for a data directory (PostgreSQL manual, 18.2; checkDataDir in miscinit.c).
 * PostgreSQL itself reports a violation in its log only, and without the remedy.
 *
 * @throws {EmbeddedError}
 */
export function requireCluster(cluster: string, account: Account | undefined): void {
  const found = statSync(cluster);
  if (!found.isDirectory())
    throw new EmbeddedError(
      `${cluster} is a file, where the folder of the data should be. Move it away to begin anew.`,
    );
  requireOwner(cluster, found, { cluster, account });
  if ((found.mode & 0o027) !== 0 && process.platform !== "win32") {
    throw new EmbeddedError(
      `PostgreSQL refuses the data in ${cluster}, because others may read or write it (mode ${(found.mode & 0o777).toString(8)}). ` +
        `Run: chmod 700 ${cluster}`,
    );
  }
  const entries = readdirSync(cluster);
  if (!existsSync(join(cluster, "PG_VERSION"))) {
    throw new EmbeddedError(
      `${cluster} ${entries.length === 0 ? "is empty" : "has no PG_VERSION, so it is no whole database"}. Bring the data back ` +
        "from a backup, or remove that folder to begin anew.",
    );
  }
  for (const entry of entries) {
    const path = join(cluster, entry);
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats !== undefined) requireOwner(path, stats, { cluster, account });
  }
}

function requireOwner(
  path: string,
  { uid }: Stats,
  { cluster, account }: { cluster: string; account: Account | undefined },
): void {
  const own = account?.uid ?? process.getuid?.();
  if (own === undefined || uid === own) return;
  const group = account?.gid ?? process.getgid?.();
  throw new EmbeddedError(
    `${path} belongs to user id ${uid}, and PostgreSQL runs as user id ${own} here, which must own its data. Start as the ` +
      `user that made it, or hand it over: chown -R ${own}:${group} ${cluster}`,
  );
}
