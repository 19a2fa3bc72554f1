/** `aeturnis-data migrate …` as a library: every function returns what happened, and prints nothing. */
export { type BaselineOptions, baseline } from "./commands/baseline.ts";
export { checkFolder } from "./commands/check.ts";
export { type DownOptions, type DownReport, describeLoss, down, redo } from "./commands/down.ts";
export { type Generated, type GenerateOptions, generate } from "./commands/generate.ts";
export {
  type Plan,
  type PlannedLock,
  type PlannedMigration,
  type PlannedStatement,
  type PlanOptions,
  plan,
} from "./commands/plan.ts";
export { type Repair, type RepairOptions, type RepairReport, repair } from "./commands/repair.ts";
export { type MigrationStatus, type Status, status } from "./commands/status.ts";
export { type UpOptions, up } from "./commands/up.ts";
export { type RoundTripResult, type VerifyOptions, verify } from "./commands/verify.ts";
export * from "./errors.ts";
export { logEvents } from "./event-log.ts";
export type { MigrationStateKind } from "./history/migration-state.ts";
export { defaultMigrationsTable, type MigrationsTable } from "./history/table-names.ts";
export type { DataLoss } from "./impact/data-loss.ts";
export { migrationsFolder, readJournal } from "./journal/folder.ts";
export type { Direction, MigrateEvent, MigrateOptions, Outcome, Report, RunOptions } from "./options.ts";
export { checkReadiness, pendingMigrations, type Readiness } from "./readiness.ts";
export type { Target } from "./runner/connections.ts";
