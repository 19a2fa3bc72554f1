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
