export type {
  AppRouter,
  AuditEntry,
  AuditPartition,
  BulkReport,
  ErrorData,
  Filter,
  Inputs,
  ListOptions,
  LiveSession,
  Outputs,
  Page,
  RejectedRow,
  SessionStage,
  Sort,
  SortField,
  User,
  UserRole,
  UserSecurity,
  UserSession,
  UserStatus,
} from "../routers/index.ts";
export { maxItems, maxURLLength, transformer } from "./batching.ts";
export { type Client, type ClientOptions, createClient } from "./client.ts";
export { type ClientError, isClientError } from "./client-error.ts";
export {
  type ClientSession,
  type CompletedSignIn,
  createSession,
  type SessionOptions,
  type SignInResult,
} from "./session.ts";
export type { SessionState } from "./session-state.ts";
export type { SessionLocks } from "./tab-lock.ts";
export type { TokenStorage } from "./token-storage.ts";
export { ProofError, type ProvenRow, verifyProof } from "./verify-proof.ts";
