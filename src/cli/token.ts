import type { SessionConfig } from "../config/index.ts";
import { systemActor } from "../database/index.ts";
import { InvalidInputError } from "../errors.ts";
import {
  accessTokenLifetime,
  createAccessTokens,
  serviceName,
  sessionLifetimeOf,
  signingSecrets,
} from "../identity/index.ts";
import { findAccount } from "./account.ts";
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
 * @throws {UsageError} for flags that are missing or not valid, and a lifetime beyond that of the user's sessions
 * @throws {NotFoundError} for an unknown user
 * @throws {InvalidInputError} for a user who is not active
 */
export async function token({ service, user, lifetime }: TokenFlags): Promise<void> {
  const seconds = lifetime === undefined ? undefined : secondsOf(lifetime);
  const config = readConfig();
  const tokens = createAccessTokens(signingSecrets(config));
  if (service !== undefined && user === undefined) {
    if (!serviceName.test(service)) {
      throw new UsageError(
        "--service must be 1 to 60 letters, digits, dots, hyphens or underscores, such as game-server",
      );
    }
    console.log(await tokens.signService(service, seconds ?? 90 * unitSeconds.d));
  } else if (user !== undefined && service === undefined) {
    const session = await startSession(user, { config: config.sessions, lifetime: seconds ?? accessTokenLifetime });
    console.log(await tokens.signUser(session, seconds));
  } else throw new UsageError("The owner of the token is required: either --service or --user");
}

const unitSeconds = { s: 1, m: 60, h: 3_600, d: 86_400, w: 7 * 86_400, y: 31_557_600 } as const;

/** Seconds of a time span such as `12h`. @throws {UsageError} */
function secondsOf(span: string): number {
  const [, count, unit] = /^(\d{1,5}) ?([smhdwy])$/.exec(span) ?? [];
  if (unit === undefined) throw new UsageError("--lifetime must be a time span such as 12h or 90d");
  return Number(count) * unitSeconds[unit as keyof typeof unitSeconds];
}

/** Starts a session of the user that lasts as long as its token. @param lifetime in s */
async function startSession(user: string, { config, lifetime }: { config: SessionConfig; lifetime: number }) {
  const { withDatabase } = await import("./database.ts");
  return withDatabase(async ({ repositories: { users, sessions } }) => {
    const { id: userId, status, role } = await findAccount(users, user);
    const { lifetime: longest } = sessionLifetimeOf(role, config);
    if (lifetime > longest)
      throw new UsageError(
        `--lifetime must be at most ${longest}s, the lifetime of this user's sessions (role ${role})`,
      );
    const session = await sessions.start(systemActor("token"), {
      userId,
      factors: ["operator"],
      lifetime,
      idleTimeout: lifetime,
      limit: config.limit,
      userAgent: "aeturnis-data token",
    });
    if (session === undefined) throw new InvalidInputError(`This user is ${status}: only an active user has sessions.`);
    return { userId, sessionId: session.id };
  });
}
