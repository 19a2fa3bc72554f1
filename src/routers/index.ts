export type { BulkReport, RejectedRow } from "../bulk/index.ts";
export type { Filter, ListOptions, Page, Sort, SortField } from "../query/index.ts";
export type {
  AuditEntry,
  AuditPartition,
  LiveSession,
  SessionStage,
  User,
  UserRole,
  UserSecurity,
  UserSession,
  UserStatus,
} from "../repositories/index.ts";
export { accessMatrix, accessTable } from "./access-matrix.ts";
export { type AppRouter, appRouter, type Inputs, type Outputs } from "./app-router.ts";
export type { Context, Services } from "./context.ts";
export { currentRequestId } from "./current-request.ts";
export type { ErrorData } from "./error-data.ts";
export {
  deserializeInput,
  errorBody,
  eventData,
  type ProcedureEntry,
  procedures,
  reconnection,
  resultBody,
} from "./procedures.ts";
export { createRequestDeadline } from "./request-deadline.ts";
export type { SessionCookies } from "./session-cookies.ts";
