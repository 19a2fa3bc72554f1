// The calls of the look-ups: of the service, and of the server written by hand.
import { createAccessTokens } from "../dist/identity/index.js";
import { draw } from "./load.mjs";
import { benchSecret } from "./service-process.mjs";

/** Calls that are prepared for a run. */
export const preparedCalls = 2_000;

const tokens = createAccessTokens([benchSecret]);
const tokenLifetime = 3_600;

/** The header of a back end. */
export const serviceHeaders = async () => ({
  authorization: `Bearer ${await tokens.signService("bench", tokenLifetime)}`,
});

/** The header of an account. */
export const userHeaders = async (session) => ({
  authorization: `Bearer ${await tokens.signUser(session, tokenLifetime)}`,
});

/** The path of a query of tRPC with superjson. */
const queryPath = (procedure, input) =>
  `/trpc/${procedure}?input=${encodeURIComponent(JSON.stringify({ json: input }))}`;

/** Each look-up by the path of the server written by hand and by the request to the service. */
export const lookups = {
  "sessions.check": {
    byHand: ({ userId, sessionId }) => ({ path: `/session?userId=${userId}&sessionId=${sessionId}` }),
    ofService: ({ userId, sessionId }) => ({ path: queryPath("sessions.check", { userId, sessionId }) }),
    holds: ({ userId, sessionId }) => [userId, sessionId],
  },
  "users.byId": {
    byHand: ({ userId }) => ({ path: `/user?id=${userId}` }),
    ofService: ({ userId }) => ({ path: queryPath("users.byId", { id: userId }) }),
    holds: ({ userId }) => [userId],
  },
  "users.me": {
    byHand: ({ userId, sessionId }) => ({ path: `/me?userId=${userId}&sessionId=${sessionId}` }),
    ofService: async (session) => ({ path: "/trpc/users.me", headers: await userHeaders(session) }),
    holds: ({ userId }) => [userId],
  },
};

/** Returns a function that prepares the calls of a run for sessions drawn at random. */
export const callsFor = (sessions, requestOf, holds) => () =>
  Promise.all(
    draw(sessions, preparedCalls).map(async (session) => ({
      request: await requestOf(session),
      holds: holds(session),
    })),
  );

/** The service as a peer of a look-up. Without a token of its own, a request has the token of a back end. */
export const servicePeer = async (service, lookup, sessions) => ({
  name: "aeturnis-data",
  url: service.url,
  pid: service.pid,
  headers: await serviceHeaders(),
  calls: callsFor(sessions, lookups[lookup].ofService, lookups[lookup].holds),
});

/** The server written by hand as a peer of a look-up. */
export const handWrittenPeer = (server, lookup, sessions) => ({
  name: "by hand",
  url: server.url,
  pid: server.pid,
  calls: callsFor(sessions, lookups[lookup].byHand, lookups[lookup].holds),
});
