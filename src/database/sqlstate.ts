/**
 * Every SQLSTATE that the service tests for, under its condition name (PostgreSQL manual, appendix A). Other files
 * import these constants and write no code themselves.
 */
export const sqlstate = {
  // Class 08: connection exception. PgBouncer reports all of its own errors with this one.
  protocolViolation: "08P01",
  // Class 22: data exception.
  invalidParameterValue: "22023",
  // Class 23: integrity constraint violation.
  restrictViolation: "23001",
  notNullViolation: "23502",
  foreignKeyViolation: "23503",
  uniqueViolation: "23505",
  checkViolation: "23514",
  exclusionViolation: "23P01",
  // Class 25: invalid transaction state.
  activeSqlTransaction: "25001",
  readOnlySqlTransaction: "25006",
  noActiveSqlTransaction: "25P01",
  idleInTransactionSessionTimeout: "25P03",
  // Class 28: invalid authorization specification.
  invalidAuthorizationSpecification: "28000",
  invalidPassword: "28P01",
  // Class 2D: invalid transaction termination.
  invalidTransactionTermination: "2D000",
  // Class 3D: invalid catalog name, that is, an unknown database.
  invalidCatalogName: "3D000",
  // Class 40: transaction rollback.
  serializationFailure: "40001",
  deadlockDetected: "40P01",
  // Class 42: syntax error or access rule violation.
  insufficientPrivilege: "42501",
  duplicateColumn: "42701",
  undefinedObject: "42704",
  duplicateObject: "42710",
  undefinedFunction: "42883",
  undefinedTable: "42P01",
  duplicateSchema: "42P06",
  duplicateTable: "42P07",
  // Class 55: object not in prerequisite state.
  lockNotAvailable: "55P03",
  unsafeNewEnumValueUsage: "55P04",
  // Class 57: operator intervention.
  queryCanceled: "57014",
  adminShutdown: "57P01",
  crashShutdown: "57P02",
  cannotConnectNow: "57P03",
  idleSessionTimeout: "57P05",
} as const;

/** The first two characters of an SQLSTATE. A class is tested where each of its conditions means the same. */
export const sqlstateClass = {
  connectionException: "08",
  dataException: "22",
  insufficientResources: "53",
} as const;
