/** `aeturnis-data migrate …` as a library: every function returns what happened, and prints nothing. */
export { type BaselineOptions, baseline } from "./baseline.ts";
export { type Bookkeeping, defaultBookkeeping } from "./bookkeeping.ts";
export { checkFolder } from "./check.ts";
export type { State } from "./compare.ts";
export type { Target } from "./connect.ts";
export { type DownOptions, type DownReport, describeLoss, down, redo } from "./down.ts";
export * from "./errors.ts";
export { migrationsFolder } from "./folder.ts";
export { type Generated, type GenerateOptions, generate } from "./generate.ts";
export type { Loss } from "./losses.ts";
export type { Direction, MigrateEvent, MigrateOptions, Outcome, Report, RunOptions } from "./options.ts";
export {
  type Plan,
  type PlannedLock,
  type PlannedMigration,
  type PlannedStatement,
  type PlanOptions,
  plan,
} from "./plan.ts";
export { type Repair, type RepairOptions, type RepairReport, repair } from "./repair.ts";
export { type MigrationStatus, type Status, status } from "./status.ts";
export { type UpOptions, up } from "./up.ts";
export { type Proof, type VerifyOptions, verify } from "./verify.ts";
