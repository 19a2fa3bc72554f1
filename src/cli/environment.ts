import { existsSync } from "node:fs";
import { loadEnvFile } from "node:process";
import { type Config, loadConfig, loadDatabaseConfig } from "../config/index.ts";

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

function loadDotenv(): void {
  if (existsSync(".env")) loadEnvFile();
}
