import type { Actor } from "../database/index.ts";
import { addressBlock, networkBlock } from "../ip-address.ts";
import { LineSampler, type Log } from "../observability/index.ts";
import { type AuthenticationEvent, authenticationEvents, loggingOf } from "./authentication-events.ts";

/** What a line tells of an event. It has no login: people type passwords into that field. */
interface EventDetails {
  /** The account, where it is known. */
  readonly userId?: string | undefined;
  /** A fixed word, where the event has several causes. */
  readonly reason?: "totp" | "recovery_code" | "suspended" | "banned" | "invalid_token" | "session_ended" | undefined;
}

/**
 * Counts the events of authentication, and logs refusals and what else the audit trail does not record (OWASP ASVS 5.0,
 * 16.3.1). Rotations of refresh tokens are counted only.
 */
export interface AuthenticationLog {
  /** @param by the author; undefined where an event of the process has none */
  record(event: AuthenticationEvent, by?: Actor, details?: EventDetails): void;
  /** The number of events since the start of the process. */
  counts(): Readonly<Record<AuthenticationEvent, number>>;
  /** Writes the lines of events that are not written yet. */
  close(): void;
}

/** @param options.now a monotonic clock (ms) */
export function createAuthenticationLog(log: Log, options: { readonly now?: () => number } = {}): AuthenticationLog {
  const counts = Object.fromEntries(authenticationEvents.map((event) => [event, 0])) as Record<
    AuthenticationEvent,
    number
  >;
  const sampler = new LineSampler(options);

  return {
    record: (event, by, { userId, reason } = {}) => {
      counts[event]++;
      const logging = loggingOf(event);
      if (logging === undefined || !log.isLevelEnabled(logging.level)) return;
      const { message, level, sampledBy } = logging;
      const { name: actor, requestId, ipAddress } = by ?? {};
      const fields = { event, reason, actor, userId, ipAddress, requestId };
      if (sampledBy === undefined) log[level](fields, message);
      else {
        const bucket = bucketOf[sampledBy](by, userId);
        sampler.write(`${event} ${bucket}`, (times) => log[level]({ ...fields, times }, message));
      }
    },
    counts: () => ({ ...counts }),
    close: () => sampler.close(),
  };
}

/** What the lines of an event are sampled by. */
const bucketOf = {
  account: (by: Actor | undefined, userId: string | undefined) => userId ?? originOf(by, addressBlock),
  network: (by: Actor | undefined) => originOf(by, networkBlock),
  process: () => "",
} as const;

/** The block of the client's address. A back end that passes no address of its players is one origin. */
const originOf = (by: Actor | undefined, blockOf: (address: string) => string): string =>
  by?.ipAddress === undefined ? (by?.name ?? "") : blockOf(by.ipAddress);
