import { and, eq, type SQL, sql } from "drizzle-orm";
import type { PgUpdateSetSource } from "drizzle-orm/pg-core";
import { type Actor, runWrite, setAuditContext } from "../database/index.ts";
import { userSecurity } from "../schema/index.ts";
import { TransactionalRepository } from "./transactional.ts";

/** What a one-time code is checked against. */
export interface TotpFactor {
  /** Encrypted. */
  readonly secret: string;
  /** The time step of the last code that was taken; null before the first. */
  readonly lastStep: number | null;
}

/** An enrolment that a code has confirmed. */
export interface ConfirmedEnrolment {
  /** The pending secret that the code was checked against, as it was read. */
  readonly pendingSecret: string;
  /** The same secret, encrypted for its new column. */
  readonly secret: string;
  /** The time step of the code. */
  readonly step: number;
  readonly recoveryCodes: readonly string[];
}

const { userId: id, twoFactorEnabled, twoFactorLastStep, twoFactorPendingSecret, recoveryCodes } = userSecurity;

const codesLeft = sql<number>`coalesce(cardinality(${recoveryCodes}), 0)`;
/** An enrolment ends 10 minutes after it began, by the clock of the database. */
const began = userSecurity.twoFactorPendingSince;
const isPending = sql`${began} > now() - interval '10 minutes'`;
const noEnrolment = { twoFactorPendingSecret: null, twoFactorPendingSince: null };
/** Wrong codes of a factor do not count for the next one. */
const noCodeAttempts = { codeAttempts: 0, codeLockedUntil: null };

/**
 * The second factors of accounts: encrypted TOTP secrets and hashed recovery codes. Each change is one statement, whose
 * condition is checked again after a wait for a concurrent one (PostgreSQL manual, 13.2.1): of any number of calls at
 * once with the same code, one succeeds.
 */
export class SecondFactorRepository extends TransactionalRepository {
  /** The account's TOTP factor; undefined without one. */
  async findTotp(userId: string): Promise<TotpFactor | undefined> {
    const [found] = await this.db
      .select({ secret: userSecurity.twoFactorSecret, lastStep: twoFactorLastStep })
      .from(userSecurity)
      .where(and(eq(id, userId), twoFactorEnabled));
    return found as TotpFactor | undefined;
  }

  /** The encrypted secret of an enrolment that has neither been confirmed nor expired. */
  async findPendingSecret(userId: string): Promise<string | undefined> {
    const [found] = await this.db
      .select({ secret: twoFactorPendingSecret })
      .from(userSecurity)
      .where(and(eq(id, userId), isPending));
    return found?.secret ?? undefined;
  }

  /** The number of recovery codes that are left; undefined without a second factor. */
  async countRecoveryCodes(userId: string): Promise<number | undefined> {
    const [found] = await this.db
      .select({ codesLeft })
      .from(userSecurity)
      .where(and(eq(id, userId), twoFactorEnabled));
    return found?.codesLeft;
  }

  /** Takes a time step, if it is later than the last one taken. It is not recorded. @returns whether it was taken */
  async takeStep(userId: string, step: number): Promise<boolean> {
    const isLater = sql`coalesce(${twoFactorLastStep}, -1) < ${step}::bigint`;
    const taken = await runWrite(this.db, async () =>
      this.db
        .update(userSecurity)
        .set({ twoFactorLastStep: step })
        .where(and(eq(id, userId), twoFactorEnabled, isLater))
        .returning({ userId: id }),
    );
    return taken.length > 0;
  }

  /** Removes a recovery code. @returns the number that is left; undefined if the account does not have this code */
  async takeRecoveryCode(by: Actor, userId: string, hash: string): Promise<number | undefined> {
    const isPresent = sql`${hash}::text = any (${recoveryCodes})`;
    const [left] = await this.#change(by, and(eq(id, userId), twoFactorEnabled, isPresent), {
      recoveryCodes: sql`array_remove(${recoveryCodes}, ${hash}::text)`,
    });
    return left;
  }

  /** Begins an enrolment, in place of an earlier one. A present factor remains. @returns whether there is such an account */
  async beginEnrolment(by: Actor, userId: string, secret: string): Promise<boolean> {
    const change = { twoFactorPendingSecret: secret, twoFactorPendingSince: sql`now()` };
    return (await this.#change(by, eq(id, userId), change)).length > 0;
  }

  /**
   * Makes the secret of an enrolment the account's factor, in place of an earlier one and its recovery codes.
   *
   * @returns whether that enrolment was still pending
   */
  async confirmEnrolment(by: Actor, userId: string, confirmed: ConfirmedEnrolment): Promise<boolean> {
    const condition = and(eq(id, userId), eq(twoFactorPendingSecret, confirmed.pendingSecret), isPending);
    const change = {
      ...noEnrolment,
      twoFactorEnabled: true,
      twoFactorSecret: confirmed.secret,
      twoFactorLastStep: confirmed.step,
      recoveryCodes: [...confirmed.recoveryCodes],
      ...noCodeAttempts,
    };
    return (await this.#change(by, condition, change)).length > 0;
  }

  /** Replaces the recovery codes. @returns whether the account has a second factor */
  async replaceRecoveryCodes(by: Actor, userId: string, hashes: readonly string[]): Promise<boolean> {
    const condition = and(eq(id, userId), twoFactorEnabled);
    return (await this.#change(by, condition, { recoveryCodes: [...hashes] })).length > 0;
  }

  /** Removes the second factor, its recovery codes and a pending enrolment. @returns whether there was a second factor */
  async disable(by: Actor, userId: string): Promise<boolean> {
    const change = {
      ...noEnrolment,
      twoFactorEnabled: false,
      twoFactorSecret: null,
      twoFactorLastStep: null,
      recoveryCodes: null,
      ...noCodeAttempts,
    };
    return (await this.#change(by, and(eq(id, userId), twoFactorEnabled), change)).length > 0;
  }

  /** Removes the secrets of expired enrolments, at most 1,000. @returns their number */
  async endExpiredEnrolments(by: Actor): Promise<number> {
    const [row] = await runWrite(this.db, async () =>
      this.db.execute(sql`select ${setAuditContext(by)}, public.end_expired_enrolments() as ended`),
    );
    return Number(row?.["ended"]);
  }

  /** @returns for each changed row the number of its recovery codes */
  async #change(
    by: Actor,
    condition: SQL | undefined,
    change: PgUpdateSetSource<typeof userSecurity>,
  ): Promise<number[]> {
    const rows = await runWrite(this.db, async () =>
      this.db
        .update(userSecurity)
        .set(change)
        .where(condition)
        .returning({ codesLeft, auditContext: setAuditContext(by) }),
    );
    return rows.map((row) => row.codesLeft);
  }
}
