import type { FastifyInstance } from "fastify";

/** Names and values in turn, as `writeHead` takes them. */
export type Headers = readonly string[];

/** Returns the headers that every answer to requests of this Origin has; undefined if they are not known. */
export type SharedHeaders = (origin: string | undefined) => Headers | undefined;

/**
 * Keeps the headers that Fastify's plugins set on the first answer to each allowed Origin, and on the first without one.
 * They are the same for every request. `learnSharedHeaders` makes these requests.
 */
export function keepSharedHeaders(server: FastifyInstance, origins: readonly string[]): SharedHeaders {
  const kept = new Map<string | undefined, Headers>();
  server.addHook("onRequest", (request, reply, done) => {
    const { origin } = request.headers;
    if (!kept.has(origin) && (origin === undefined || origins.includes(origin))) {
      const { "x-request-id": _, ...shared } = reply.getHeaders();
      kept.set(
        origin,
        Object.entries(shared).flatMap(([name, value]) => [name, String(value)]),
      );
    }
    done();
  });
  return (origin) => kept.get(origin);
}

/** Makes a request of each allowed Origin, and one without, so that no client's first request is answered in another way. */
export async function learnSharedHeaders(server: FastifyInstance, origins: readonly string[]): Promise<void> {
  for (const origin of [undefined, ...origins])
    await server.inject({ url: "/livez", headers: origin ? { origin } : {} });
}
