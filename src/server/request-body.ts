import { isUtf8 } from "node:buffer";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { markInexactNumbers } from "../json/index.ts";
import type { TRPCRoute } from "./trpc-adapter.ts";

/**
 * Reads JSON bodies as text, which tRPC parses, and refuses all other types: no procedure accepts forms or files.
 * Numbers that a double cannot hold exactly are marked, so that the transformer can refuse them.
 */
export function addBodyParser(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser("application/json", { parseAs: "buffer" }, (request, body, done) => {
    const type = request.headers["content-type"] ?? "";
    const charset = /;\s*charset="?([^";\s]+)/i.exec(type)?.[1] ?? "utf-8";
    if (!/^(utf-?8|us-ascii)$/i.test(charset)) done(bodyError(415, "The request's body must be UTF-8."));
    // Decoding would replace invalid bytes by U+FFFD.
    else if (!isUtf8(body as Buffer)) done(bodyError(400, notUtf8));
    else done(null, markInexactNumbers(body.toString()));
  });
}

export const notUtf8 = "The request's body is not UTF-8.";

const bodyError = (statusCode: number, message: string) => Object.assign(new Error(message), { statusCode });

/** Marks such numbers in the input of a GET, also in the URL, which tRPC's adapter reads itself. */
export function markNumbersOfURL(request: FastifyRequest<TRPCRoute>): void {
  const { raw } = request;
  // Fastify makes an array of a repeated parameter; the adapter uses the first value.
  const query: Record<string, string | string[] | undefined> = request.query;
  const given = [query["input"] ?? []].flat();
  const inputs = given.map(markInexactNumbers);
  if (inputs.every((input, index) => input === given[index])) return;
  const [first] = inputs;
  query["input"] = inputs.length === 1 ? first : inputs;
  const search = new URLSearchParams();
  for (const [name, values] of Object.entries(query))
    for (const value of [values ?? []].flat()) search.append(name, value);
  raw.url = `${raw.url?.split("?")[0]}?${search}`;
}
