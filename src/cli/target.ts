import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Target } from "../migrator/index.ts";
import { readDatabaseConfig } from "./environment.ts";

/**
 * Runs a command on the server of DATABASE_URL. Without DATABASE_URL it uses the embedded server: a running one, or one
 * that it starts and stops again.
 */
export async function withTarget<T>(work: (target: Target) => Promise<T>): Promise<T> {
  const { database, dataDirectory } = readDatabaseConfig();
  if (database.url !== undefined) return work({ url: database.url, ssl: database.ssl, caFile: database.caFile });

  const server = await startOrFindEmbedded(dataDirectory);
  try {
    return await work({ url: server.url });
  } finally {
    await server.stop();
  }
}

async function startOrFindEmbedded(folder: string): Promise<{ url: string; stop: () => Promise<void> }> {
  const [{ DataInUseError, startEmbedded }, { createLog }] = await Promise.all([
    import("../embedded/index.ts"),
    import("../observability/index.ts"),
  ]);
  try {
    return await startEmbedded({ folder, log: createLog({ level: "silent" }) });
  } catch (error) {
    const urlFile = join(folder, "url");
    if (!(error instanceof DataInUseError && existsSync(urlFile))) throw error;
    return { url: readFileSync(urlFile, "utf8").trim(), stop: async () => {} };
  }
}
