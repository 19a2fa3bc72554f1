import type { Executor } from "../database/index.ts";
import { createCursors, createScanGuard } from "../query/index.ts";
import { AuditLogRepository } from "./audit-log.ts";
import { failuresDefinition, UserSecurityRepository } from "./user-security.ts";
import { UserSessionRepository } from "./user-sessions.ts";
import { UserRepository } from "./users.ts";

/** The repository of each table. */
export interface Repositories {
  readonly users: UserRepository;
  readonly security: UserSecurityRepository;
  /** Accounts with failed sign-in attempts. */
  readonly failures: UserSecurityRepository;
  readonly sessions: UserSessionRepository;
  readonly audit: AuditLogRepository;
}

/**
 * Creates the repositories on a pool or a transaction.
 *
 * @param options.secret signs cursors; all instances of the service share it
 * @param options.scanLimit rows up to which a whole table may be read where no index answers
 */
export function createRepositories(db: Executor, options: { secret: string; scanLimit: number }): Repositories {
  const services = { db, cursors: createCursors(options.secret), scanGuard: createScanGuard(options) };
  return {
    users: new UserRepository(services),
    security: new UserSecurityRepository(services),
    failures: new UserSecurityRepository(services, failuresDefinition),
    sessions: new UserSessionRepository(services),
    audit: new AuditLogRepository(services),
  };
}
