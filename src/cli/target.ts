import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Target } from "../migrator/index.ts";
import { readDatabaseConfig } from "./environment.ts";

/** The database at DATABASE_URL; without one the embedded server: the one that runs, or one started for the moment. */
export async function withTarget<T>(work: (target: Target) => Promise<T>): Promise<T> {
  const { database, dataDirectory } = readDatabaseConfig();
  if (database.url !== undefined) return work({ url: database.url, ssl: database.ssl, caFile: database.caFile });

  const [{ startEmbedded }, { DataInUseError }, { createLog }] = await Promise.all([
    import("../embedded/index.ts"),
    import("../embedded/index.ts"),
    import("../observability/index.ts"),
  ]);
  const server = await startEmbedded({ folder: dataDirectory, log: createLog({ level: "silent" }) }).catch(
    (error: unknown) => {
      const address = join(dataDirectory, "url");
      if (error instanceof DataInUseError && existsSync(address))
        return { url: readFileSync(address, "utf8").trim(), stop: async () => {} };
      throw error;
    },
  );
  try {
    return await work({ url: server.url });
  } finally {
    await server.stop();
  }
}
