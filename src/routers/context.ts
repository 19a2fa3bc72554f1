import type { Database } from "../database/connect.ts";
import type { Unauthenticated } from "../errors.ts";
import type { Caller } from "../identity/tokens.ts";
import type { Log } from "../log.ts";
import type { UserRepository } from "../repositories/users.ts";

/** What the procedures are built on. One for the life of the service. */
export interface Parts {
  readonly database: Database;
  readonly users: UserRepository;
  readonly log: Log;
  readonly version: string;
  /** Longest time a procedure may take (ms). */
  readonly requestTimeout: number;
}

/** What a procedure knows of its request. */
export interface Context {
  readonly parts: Parts;
  /** Names the request in answers and in the log. */
  readonly requestId: string;
  /** Who calls, or why their token was not accepted. */
  readonly caller: Caller | Unauthenticated;
}
