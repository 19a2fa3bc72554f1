import { existsSync } from "node:fs";
import { loadEnvFile } from "node:process";
import { type Config, loadAuditConfig, loadConfig, loadDatabaseConfig } from "../config/index.ts";

/**
 * Reads the configuration from the environment, and from `.env` in the working directory for variables that the
 * environment does not set.
 *
 * @throws {ConfigError} for settings that are missing or not valid
 */
export function readConfig(): Config {
  loadDotenv();
  return loadConfig(process.env);
}

/** Reads the settings that a connection to the database needs. @throws {ConfigError} */
export function readDatabaseConfig(): Pick<Config, "database" | "dataDirectory"> {
  loadDotenv();
  return loadDatabaseConfig(process.env);
}

/** Reads the settings of a command that signs or verifies the log of the audit trail. @throws {ConfigError} */
export function readAuditConfig(): Pick<Config, "audit" | "database" | "dataDirectory"> {
  loadDotenv();
  return loadAuditConfig(process.env);
}

/** The origin of the log of the audit trail, for a command that makes its first key; undefined if it is not set. */
export function readAuditOrigin(): string | undefined {
  loadDotenv();
  return process.env["AUDIT_ORIGIN"] || undefined;
}

/** The file to which checkpoints are appended, for a command that signs nothing; undefined if it is not set. */
export function readCheckpointFile(): string | undefined {
  loadDotenv();
  return process.env["AUDIT_CHECKPOINT_FILE"] || undefined;
}

function loadDotenv(): void {
  if (existsSync(".env")) loadEnvFile();
}
