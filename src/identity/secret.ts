import { join } from "node:path";
import { type Config, keepSecret } from "../config/index.ts";

/**
 * Returns the secrets from which signing keys are derived, newest first: `JWT_SECRET`, or outside of production a
 * generated one. The data folder stores the generated secret, so that `aeturnis-data token` and the service share it
 * without configuration.
 */
export function signingSecrets(config: Config): readonly string[] {
  return config.jwtSecrets ?? [keepSecret(join(config.dataDirectory, "jwt-secret")).secret];
}
