import { existsSync } from "node:fs";
import { loadEnvFile } from "node:process";
import { type Config, loadConfig, loadDatabaseConfig } from "../config/index.ts";

/** The configuration of this process: its environment, and `.env` in the working folder for what that leaves unset. */
export function readConfig(): Config {
  loadDotenv();
  return loadConfig(process.env);
}

/** What of it reaches the database. */
export function readDatabaseConfig(): Pick<Config, "database" | "dataDirectory"> {
  loadDotenv();
  return loadDatabaseConfig(process.env);
}

function loadDotenv(): void {
  if (existsSync(".env")) loadEnvFile();
}
