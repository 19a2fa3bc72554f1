import { signingSecret } from "../identity/secret.ts";
import { createTokens } from "../identity/tokens.ts";
import { readConfig } from "./environment.ts";

/** `aeturnis-data token`: prints the token and nothing else, so that `$(…)` can take it. */
export async function token(options: { service: string; lifetime: string }): Promise<void> {
  console.log(await createTokens(signingSecret(readConfig())).signService(options.service, options.lifetime));
}
