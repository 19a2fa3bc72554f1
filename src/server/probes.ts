import type { FastifyInstance } from "fastify";
import type { Services } from "../routers/index.ts";

/**
 * Adds the probes of an orchestrator. `/livez` fails if the process must be restarted. `/readyz` fails if it should
 * get no requests, for example while the database is unavailable, which a restart does not change.
 */
export function addProbes(server: FastifyInstance, { readiness }: Pick<Services, "readiness">): void {
  server.get("/livez", async () => ({ status: "live" }));

  server.get("/readyz", async (_, reply) => {
    const { ready, ...reasons } = await readiness();
    if (!ready) reply.code(503).header("retry-after", "2");
    return { status: ready ? "ready" : "not ready", ...reasons };
  });
}
