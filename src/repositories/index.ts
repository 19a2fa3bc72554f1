export { Admission } from "./admission.ts";
export type { AttemptTicket, RefusedAttempt } from "./attempts.ts";
export { type AuditEvent, type AuditLogRepository, type AuditRow, auditListing, auditRowOf } from "./audit-log.ts";
export type { Credentials, SessionCredentials } from "./credentials.ts";
export { type EncryptedSecret, type Reencryption, type SecretColumn, secretPlace } from "./encrypted-secrets.ts";
export type { LogChunk, LogEntry } from "./log-entries.ts";
export { createRepositories, type Repositories } from "./repositories.ts";
export type {
  AuditEntry,
  AuditPartition,
  AuthenticationFactor,
  LiveSession,
  SessionStage,
  User,
  UserRole,
  UserSecurity,
  UserSession,
  UserStatus,
} from "./row-types.ts";
export type { RefreshableSession, SessionLifetime } from "./session-start.ts";
export { type ExportedField, type ExportedUser, exportedFields, readExport } from "./user-export.ts";
export { failuresDefinition } from "./user-security.ts";
export { userSessionDefinition } from "./user-sessions.ts";
export { userDefinition } from "./users.ts";
export { WrittenRow } from "./written-row.ts";
