import { type FastifyInstance, fastify } from "fastify";
import type { Registry } from "prom-client";

/** Returns the private HTTP server, which does not listen yet: `GET /metrics`, in the text format of Prometheus. */
export function createAdminServer(registry: Registry): FastifyInstance {
  const server = fastify({ forceCloseConnections: true });
  server.get("/metrics", async (_, reply) => {
    const text = await registry.metrics();
    return reply.type(registry.contentType).send(text);
  });
  return server;
}
