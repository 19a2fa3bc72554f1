/** Access to PostgreSQL: the pool, transactions, retries, and the errors of the database. */
export { type Actor, auditContextOf, setAuditContext, setPreparedAuditContext, systemActor } from "./actor.ts";
export { acquireAdvisoryLock, advisoryLocks, tryAdvisoryLock } from "./advisory-locks.ts";
export { type AuditOrder, readAuditOrder } from "./audit-order.ts";
export {
  type AuditRunway,
  createAuditPartitions,
  isMissingPartition,
  prepareAuditPartitions,
  readAuditRunway,
} from "./audit-partitions.ts";
export { findAuditProblems } from "./audit-problems.ts";
export { ConnectError, explainConnectError } from "./connect-error.ts";
export { openDriver } from "./driver.ts";
export { UnpatchedDriverError } from "./driver-error.ts";
export { driverOptions } from "./endpoint.ts";
export { codeOf, isTransactionConflict, isUnavailable } from "./error-code.ts";
export { toDomainError } from "./errors.ts";
export type { Db, Executor } from "./executor.ts";
export { runAsLeader } from "./leader.ts";
export { parameterType } from "./parameter-type.ts";
export { connect, type Database } from "./pool.ts";
export { pollMark } from "./query-timing.ts";
export { type RetryPolicy, retry } from "./retry.ts";
export { pooledSettings, sessionSettings } from "./session-settings.ts";
export { sqlstate } from "./sqlstate.ts";
export { inTransaction, runWrite } from "./transaction.ts";
