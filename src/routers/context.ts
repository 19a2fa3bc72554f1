import type { AuditTails, CheckpointWriter, EventRecorder, NoteVerifier } from "../audit/index.ts";
import type { Database } from "../database/index.ts";
import type { UnauthenticatedError } from "../errors.ts";
import type { AuthenticationLog, Caller, Identity, Passwords } from "../identity/index.ts";
import type { Readiness } from "../migrator/index.ts";
import type { CallMetrics, Log } from "../observability/index.ts";
import type { Repositories } from "../repositories/index.ts";
import type { RequestDeadline } from "./request-deadline.ts";
import type { SessionCookies } from "./session-cookies.ts";

/** What procedures use: one object for the life of the process. */
export interface Services extends Repositories {
  /** Records events of the game. */
  readonly events: EventRecorder;
  /** The public keys of the log of the audit trail, newest first. */
  readonly auditKeys: readonly NoteVerifier[];
  /** Tells what keeps the log of the audit trail from being signed. */
  readonly checkpoints: Pick<CheckpointWriter, "problem">;
  /** Follow the audit trail. */
  readonly tails: AuditTails;
  readonly identity: Identity;
  readonly passwords: Passwords;
  readonly authentications: AuthenticationLog;
  readonly database: Database;
  /** Whether the service can handle requests now, and what keeps it from that. */
  readonly readiness: () => Promise<Readiness>;
  readonly log: Log;
  readonly calls: CallMetrics;
  readonly version: string;
  /** Ends the wait for a procedure. */
  readonly requestDeadline: RequestDeadline;
}

/** The request that a procedure belongs to. */
export interface Context {
  readonly services: Services;
  /** Identifies the request in answers, in the log and in the audit trail. */
  readonly requestId: string;
  /** The caller, or the reason why its token was refused. */
  readonly caller: Caller | UnauthenticatedError;
  /** The client's address; undefined where a proxy reports none. */
  readonly ipAddress: string | undefined;
  readonly userAgent: string | undefined;
  /** Aborted when the client disconnects. A function, because few procedures use the signal and it costs a listener. */
  readonly disconnection: () => AbortSignal;
  /** Closes the connection, also if its client accepts nothing. */
  readonly disconnect: () => void;
  /** Says that a subscription has come so far as after the event with an id, also if there was none to send. */
  readonly advance: (eventId: string) => void;
  /** The caller as it is now: its token may have expired since the call began. */
  readonly identify: () => Promise<Context["caller"]>;
  /**
   * The cookies of the request and of its answer.
   *
   * @throws {ForbiddenError} for a caller that is no page of an allowed origin
   * @throws {InvalidInputError} if the answer is streamed, so that its headers are sent already
   */
  readonly cookies: () => SessionCookies;
  /** Whether the answer may be a `WrittenRow` in place of the row. */
  readonly acceptsWrittenRows: boolean;
}
