import { join } from "node:path";
import { type Config, keepSecret } from "../config/index.ts";

/**
 * The secret that signs tokens: `JWT_SECRET`, or, outside production, one that is generated once and
 * kept in the data folder, so that `aeturnis-data token` and the service agree with no set-up.
 */
export function signingSecret(config: Config): string {
  return config.jwtSecret ?? keepSecret(join(config.dataDirectory, "jwt-secret")).secret;
}
