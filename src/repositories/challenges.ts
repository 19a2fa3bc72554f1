import { and, eq, getTableColumns, gt, type SQL, sql } from "drizzle-orm";
import { challenges, userSecurity } from "../schema/index.ts";
import type { AttemptTicket } from "./attempts.ts";
import { TransactionalRepository } from "./transactional.ts";

/** Sign-ins that wait for a second factor. */
export class ChallengeRepository extends TransactionalRepository {
  /**
   * Stores the attempt whose password was right, for 5 minutes.
   *
   * @param tokenHash SHA-256, hexadecimal
   * @param passwordChangedAt of the password that was checked
   */
  async create(tokenHash: string, ticket: AttemptTicket, passwordChangedAt: string): Promise<void> {
    const { userId, bucket, deviceId, number, failures, login, ipAddress } = ticket;
    const row = {
      ...{ userId, tokenHash, bucket, deviceId, ticket: number, failures, login, ipAddress },
      passwordChangedAt: sql`${passwordChangedAt}::timestamptz`,
    };
    await this.db.insert(challenges).values(row);
  }

  /** The attempt of a challenge; undefined if there is none, it has expired, or the password was changed since. */
  async find(userId: string, tokenHash: string): Promise<AttemptTicket | undefined> {
    const isOfPassword = eq(challenges.passwordChangedAt, userSecurity.passwordChangedAt);
    const [found] = await this.db
      .select(getTableColumns(challenges))
      .from(challenges)
      .innerJoin(userSecurity, and(eq(userSecurity.userId, challenges.userId), isOfPassword))
      .where(and(isChallenge(userId, tokenHash), gt(challenges.expiresAt, sql`now()`)));
    if (found === undefined) return undefined;
    const { ticket: number, bucket, failures, login } = found;
    const [deviceId, ipAddress] = [found.deviceId ?? undefined, found.ipAddress ?? undefined];
    return { userId, bucket, number, failures, login, deviceId, ipAddress, failingSince: null };
  }
}

/** Names a challenge of an account. @param tokenHash SHA-256, hexadecimal */
export const isChallenge = (userId: string | SQL, tokenHash: string | SQL) =>
  and(eq(challenges.userId, userId), eq(challenges.tokenHash, tokenHash));
