import { join } from "node:path";
import { type Config, keepSecret } from "../config/index.ts";

/**
 * Returns the secret that signs tokens: `JWT_SECRET`, or outside of production a generated one. The data folder stores the
 * generated secret, so that `aeturnis-data token` and the service share it without configuration.
 */
export function signingSecret(config: Config): string {
  return config.jwtSecret ?? keepSecret(join(config.dataDirectory, "jwt-secret")).secret;
}
