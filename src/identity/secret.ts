import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Config, ConfigError } from "../config.ts";

/**
 * The secret that signs tokens: `JWT_SECRET`, or, outside production, one that is generated once and
 * kept in the data folder, so that `aeturnis-data token` and the service agree with no set-up.
 */
export function signingSecret(config: Config): string {
  if (config.jwtSecret !== undefined) return config.jwtSecret;
  const file = join(config.dataDirectory, "jwt-secret");
  if (!existsSync(file)) {
    mkdirSync(config.dataDirectory, { recursive: true });
    writeFileSync(file, randomBytes(48).toString("base64url"), { mode: 0o600 });
  }
  const secret = readFileSync(file, "utf8").trim();
  if (secret.length < 32)
    throw new ConfigError([`JWT_SECRET is not set, and the generated one in ${file} is cut short: delete that file`]);
  return secret;
}
