import type { Database } from "../database/index.ts";
import type { UnauthenticatedError } from "../errors.ts";
import type { Caller } from "../identity/index.ts";
import type { Log } from "../observability/index.ts";
import type { Repositories } from "../repositories/index.ts";

/** What the procedures are built on. One for the life of the service. */
export interface Parts extends Repositories {
  readonly database: Database;
  readonly log: Log;
  readonly version: string;
  /** Longest time a procedure may take (ms). */
  readonly requestTimeout: number;
}

/** What a procedure knows of its request. */
export interface Context {
  readonly parts: Parts;
  /** Names the request in answers, in the log and in the audit trail. */
  readonly requestId: string;
  /** Who calls, or why their token was not accepted. */
  readonly caller: Caller | UnauthenticatedError;
  /** Where the request comes from; undefined where a proxy names no address. */
  readonly ipAddress: string | undefined;
  readonly userAgent: string | undefined;
}
