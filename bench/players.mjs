// Players with a known password, and the calls that sign them in. A back end calls, which passes the address of each player.
import { availableParallelism } from "node:os";
import { hash } from "@node-rs/argon2";
import { createAccessTokens } from "../dist/identity/index.js";
import { benchSecret, createCaller } from "./service-process.mjs";
import { fillUsers } from "./support.mjs";

export const password = "correct horse battery staple";

/** Argon2id as the service computes it by default (OWASP Password Storage Cheat Sheet). */
export const argon2id = () =>
  hash(password, { algorithm: 2, version: 1, memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32 });

/** Hashes that the service computes at once: see hashLimit of src/identity/password/passwords.ts. */
export const hashesAtOnce = Math.max(
  1,
  Math.min(availableParallelism(), Number(process.env.UV_THREADPOOL_SIZE ?? 4) - 2),
);

/** Inserts that many players, named `player1`, `player2`, …, with one password. */
export async function fillPlayers(sql, count) {
  await fillUsers(sql, count, { passwordHash: await argon2id() });
}

/** A token of a back end. */
export const serviceToken = () => createAccessTokens([benchSecret]).signService("bench", 3_600);

/** Returns a function that signs in as a back end, and returns the status and the answer. */
export async function createSignInCall(service) {
  const call = createCaller(service, { token: await serviceToken() });
  return (input) => call("auth.signIn", input);
}

/** Returns a function that signs in as a back end, and throws if that fails. */
export async function createSignIn(service) {
  const call = await createSignInCall(service);
  return async (input) => {
    const { status, data } = await call(input);
    if (status !== 200) throw new Error(`a sign-in was answered ${status}`);
    return data;
  };
}

/**
 * Returns a function that gives the input of the next sign-in. Each comes from another network, so that no limit of addresses
 * applies.
 *
 * @param options.players the number of the last player; the function throws beyond it
 * @param options.tries sign-ins as each player: 4 may fail before an account is locked
 */
export function signInInputs({ first = 1, players, tries = 1, given = password }) {
  const block = 250;
  let n = 0;
  return () => {
    // A block of players in turn, that often.
    const player = first + Math.floor(n / (block * tries)) * block + (n % block);
    if (player > players)
      throw new Error(`more sign-ins than ${players} players allow: the benchmark needs more players`);
    n++;
    return { login: `player${player}`, password: given, ipAddress: addressOf(player * tries + (n % tries)) };
  };
}

/** An IPv6 address; each number gives another /48. */
export const addressOf = (n) => `2001:${(n >> 16).toString(16)}:${(n & 0xffff).toString(16)}::1`;
