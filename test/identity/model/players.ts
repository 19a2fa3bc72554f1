import { setTimeout } from "node:timers/promises";
import { createTRPCClient, httpLink, TRPCClientError } from "@trpc/client";
import { generateSync } from "otplib";
import type { Sql } from "postgres";
import superjson from "superjson";
import type { AppRouter } from "../../../src/routers/app-router.ts";

/** The answer of a call, or the code of its error. */
export type Answer<Result> = Result | "UNAUTHORIZED" | "FORBIDDEN" | "BAD_REQUEST" | (string & {});

/** Clients of several services on one database. Each call goes to the next service, from an address of its own. */
export class Players {
  /** The addresses that the clients have called from. */
  readonly addresses = new Set<string>();
  #calls = 0;

  constructor(
    readonly sql: Sql,
    readonly urls: readonly string[],
    readonly moderatorToken: string,
    /** Numbers the account: no two calls are from one network, so that no limit of addresses is met. */
    readonly account: number,
  ) {}

  client(token?: string) {
    this.#calls++;
    const address = `fd00:${this.account.toString(16)}:${this.#calls.toString(16)}::7`;
    this.addresses.add(address);
    return createTRPCClient<AppRouter>({
      links: [
        httpLink({
          url: this.urls[this.#calls % this.urls.length] ?? "",
          transformer: superjson,
          headers: {
            "x-forwarded-for": address,
            ...(token !== undefined && { authorization: `Bearer ${token}` }),
          },
        }),
      ],
    });
  }
}

/**
 * Calls until the service has room, as a client does that obeys `retryAfter`. A call that the queue of password checks
 * refuses, or the service while its event loop is late, has changed nothing.
 *
 * @returns the answer, or the code of the error
 * @throws the error of a call that may have been made
 */
export async function answerOf<Result>(call: () => Promise<Result>): Promise<Answer<Result>> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof TRPCClientError) || error.data?.code === undefined) throw error;
      const { code, path, retryAfter } = error.data;
      // An error without a path is of no procedure: the request was refused before.
      const isRefusedForNow = code === "TOO_MANY_REQUESTS" || (code === "SERVICE_UNAVAILABLE" && path === null);
      if (!isRefusedForNow) {
        if (code === "SERVICE_UNAVAILABLE") throw error;
        return String(code);
      }
      await setTimeout(retryAfter * 1_000);
    }
  }
}

export const isRefused = (answer: unknown): answer is string => typeof answer === "string";

export const presentStep = (): number => Math.floor(Date.now() / 30_000);

export const codeOf = (secret: string, step: number): string => generateSync({ secret, epoch: step * 30 });

/** A code that no step near the present one has. */
export function wrongCode(secret: string): string {
  const near = new Set([-3, -2, -1, 0, 1, 2, 3].map((offset) => codeOf(secret, presentStep() + offset)));
  return (
    ["000000", "111111", "222222", "333333", "444444", "555555", "666666", "777777"].find((code) => !near.has(code)) ??
    ""
  );
}
