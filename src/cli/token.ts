import { createTokens, serviceName, signingSecret } from "../identity/index.ts";
import { readConfig } from "./environment.ts";
import { UsageError } from "./failure.ts";

interface TokenFlags {
  readonly service?: string;
  readonly user?: string;
  readonly lifetime?: string;
}

/**
 * `aeturnis-data token`: prints a token and nothing else, for use in `$(…)`.
 *
 * @throws {UsageError} for flags that are missing or not valid
 * @throws {NotFoundError} for an unknown user
 */
export async function token({ service, user, lifetime }: TokenFlags): Promise<void> {
  if (lifetime !== undefined && !/^\d{1,5} ?[smhdwy]$/.test(lifetime))
    throw new UsageError("--lifetime must be a time span such as 12h or 90d");
  const tokens = createTokens(signingSecret(readConfig()));
  if (service !== undefined && user === undefined) {
    if (!serviceName.test(service)) {
      throw new UsageError(
        "--service must be 1 to 60 letters, digits, dots, hyphens or underscores, such as game-server",
      );
    }
    console.log(await tokens.signService(service, lifetime ?? "90d"));
  } else if (user !== undefined && service === undefined) {
    console.log(await tokens.signUser(await findUserId(user), lifetime ?? "15m"));
  } else throw new UsageError("The owner of the token is required: either --service or --user");
}

async function findUserId(user: string): Promise<string> {
  const { withDatabase } = await import("./database.ts");
  return withDatabase(async ({ repositories: { users } }) => {
    if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(user)) return (await users.findById(user)).id;
    return (await (user.includes("@") ? users.findByEmail(user) : users.findByUsername(user))).id;
  });
}
