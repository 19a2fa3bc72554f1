import type { Executor } from "../database/index.ts";
import { createCursors, createScanGuard } from "../query/index.ts";
import { AttemptRepository } from "./attempts.ts";
import { AuditLogRepository } from "./audit-log.ts";
import { ChallengeRepository } from "./challenges.ts";
import { CredentialRepository } from "./credentials.ts";
import { EncryptedSecretRepository } from "./encrypted-secrets.ts";
import { SecondFactorRepository } from "./second-factors.ts";
import { UserDeviceRepository } from "./user-devices.ts";
import { failuresDefinition, UserSecurityRepository } from "./user-security.ts";
import { UserSessionRepository } from "./user-sessions.ts";
import { UserRepository } from "./users.ts";

/** The repository of each table. */
export interface Repositories {
  readonly users: UserRepository;
  readonly security: UserSecurityRepository;
  /** Accounts with failed sign-in attempts. */
  readonly failures: UserSecurityRepository;
  readonly secondFactors: SecondFactorRepository;
  readonly encryptedSecrets: EncryptedSecretRepository;
  readonly sessions: UserSessionRepository;
  readonly devices: UserDeviceRepository;
  readonly attempts: AttemptRepository;
  readonly challenges: ChallengeRepository;
  readonly credentials: CredentialRepository;
  readonly audit: AuditLogRepository;
}

export interface RepositoryOptions {
  readonly cursorKeys: readonly Uint8Array[];
  readonly scanLimit: number;
}

/**
 * Creates the repositories on a pool or a transaction.
 *
 * @param options.cursorKeys the first one signs cursors, every one verifies; all instances of the service share them
 * @param options.scanLimit rows up to which a whole table may be read where no index answers
 */
export function createRepositories(db: Executor, options: RepositoryOptions): Repositories {
  const services = { db, cursors: createCursors(options.cursorKeys), scanGuard: createScanGuard(options) };
  return {
    users: new UserRepository(services),
    security: new UserSecurityRepository(services),
    failures: new UserSecurityRepository(services, failuresDefinition),
    secondFactors: new SecondFactorRepository(services),
    encryptedSecrets: new EncryptedSecretRepository(services),
    sessions: new UserSessionRepository(services),
    devices: new UserDeviceRepository(services),
    attempts: new AttemptRepository(services),
    challenges: new ChallengeRepository(services),
    credentials: new CredentialRepository(services),
    audit: new AuditLogRepository(services),
  };
}
