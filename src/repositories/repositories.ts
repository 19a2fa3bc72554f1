import type { Executor } from "../database/index.ts";
import { createCursors, createSizes } from "../query/index.ts";
import { AuditLogRepository } from "./audit-log.ts";
import { failuresDefinition, UserSecurityRepository } from "./user-security.ts";
import { UserSessionRepository } from "./user-sessions.ts";
import { UserRepository } from "./users.ts";

/** One repository a table. */
export interface Repositories {
  readonly users: UserRepository;
  readonly security: UserSecurityRepository;
  /** Accounts with failed attempts to sign in. */
  readonly failures: UserSecurityRepository;
  readonly sessions: UserSessionRepository;
  readonly audit: AuditLogRepository;
}

/**
 * @param options.secret signs cursors: the same on every instance
 * @param options.scanLimit rows up to which a table may be read as a whole, where no index answers
 */
export function createRepositories(db: Executor, options: { secret: string; scanLimit: number }): Repositories {
  const parts = { db, cursors: createCursors(options.secret), sizes: createSizes(options) };
  return {
    users: new UserRepository(parts),
    security: new UserSecurityRepository(parts),
    failures: new UserSecurityRepository(parts, failuresDefinition),
    sessions: new UserSessionRepository(parts),
    audit: new AuditLogRepository(parts),
  };
}
