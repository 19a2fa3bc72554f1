import { signingSecret } from "../identity/secret.ts";
import { createTokens, serviceName } from "../identity/tokens.ts";
import { readConfig } from "./environment.ts";
import { UsageError } from "./fail.ts";

/** `aeturnis-data token`: prints the token and nothing else, so that `$(…)` can take it. */
export async function token(options: { service: string; lifetime: string }): Promise<void> {
  if (!serviceName.test(options.service)) {
    throw new UsageError(
      "--service must be 1 to 60 letters, digits, dots, hyphens or underscores, such as game-server",
    );
  }
  if (!/^\d{1,5} ?[smhdwy]$/.test(options.lifetime))
    throw new UsageError("--lifetime must be a time span such as 12h or 90d");
  console.log(await createTokens(signingSecret(readConfig())).signService(options.service, options.lifetime));
}
