import type { FastifyInstance } from "fastify";
import type { Database } from "../database/index.ts";
import { checkReadiness } from "../migrator/index.ts";

/**
 * What an orchestrator asks: `/livez`, whether to restart the process; `/readyz`, whether to send it
 * requests. A database that is away makes it not ready, and is no reason to restart it.
 */
export function addProbes(server: FastifyInstance, database: Database): void {
  server.get("/livez", async () => ({ status: "live" }));

  server.get("/readyz", async (_, reply) => {
    const { ready, ...reasons } = await checkReadiness(database);
    if (!ready) reply.code(503).header("retry-after", "2");
    return { status: ready ? "ready" : "not ready", ...reasons };
  });
}
