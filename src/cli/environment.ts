import { existsSync } from "node:fs";
import { loadEnvFile } from "node:process";
import { type Config, loadConfig } from "../config.ts";

/** The configuration of this process: its environment, and `.env` in the working folder for what that leaves unset. */
export function readConfig(): Config {
  if (existsSync(".env")) loadEnvFile();
  return loadConfig(process.env);
}
