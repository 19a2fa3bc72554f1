import { type SQL, sql } from "drizzle-orm";
import { type Actor, auditContextOf, runWrite } from "../database/index.ts";
import { parseInstant } from "../schema/index.ts";
import { prepareAttemptQueries } from "./attempt-queries.ts";
import { TransactionalRepository } from "./transactional.ts";

/** Who tries to authenticate as an account. */
export interface Attempt {
  /** Undefined if there is no such account. */
  readonly userId: string | undefined;
  /** A known device of the account. */
  readonly deviceId?: string | undefined;
  /** Undefined where no address is known: limits of addresses do not apply. */
  readonly ipAddress?: string | undefined;
  /** Identifies the account that is tried, whether it exists or not (SHA-256, hexadecimal). */
  readonly login: string;
}

/** The permission to check one password. */
export interface AttemptTicket extends Attempt {
  readonly userId: string;
  readonly bucket: "device" | "stranger";
  /** The number of the attempt in its bucket. */
  readonly number: number;
  /** Failed attempts of the bucket before this one. */
  readonly failures: number;
  readonly failingSince: Date | null;
}

/** Why an attempt may not be checked. */
export interface RefusedAttempt {
  readonly bucket: "locked" | "limited" | "unknown";
  /** Time after which an address is admitted again (s); 0 unless `limited`. */
  readonly wait: number;
}

/** A device with this number of failures is no longer known: `fail_attempt` deletes it. */
const maxDeviceFailures = 20;

/**
 * Failed attempts to authenticate. Each is counted before its password is checked, so that any number of attempts at once
 * gets no more checks than allowed (OWASP ASVS 5.0, 6.3.1; NIST SP 800-63B-4, 3.2.2). The function `take_attempt` of the
 * database has the limits.
 */
export class AttemptRepository extends TransactionalRepository {
  #queries: ReturnType<typeof prepareAttemptQueries> | undefined;

  /** Counts an attempt. @returns a ticket, or why the attempt may not be checked */
  async take(by: Actor, attempt: Attempt): Promise<AttemptTicket | RefusedAttempt> {
    const { userId, deviceId, ipAddress, login } = attempt;
    const [row] = await runWrite(this.db, () =>
      this.#prepared.take.execute({
        context: auditContextOf(by),
        userId: userId ?? null,
        deviceId: deviceId ?? null,
        ipAddress: ipAddress ?? null,
        login,
      }),
    );
    if (row === undefined) throw new TypeError("take_attempt returned no row");
    const { verdict, ticket, failures, since, wait } = row;
    if (userId === undefined || (verdict !== "device" && verdict !== "stranger"))
      return { bucket: verdict as RefusedAttempt["bucket"], wait: wait ?? 0 };
    return {
      ...attempt,
      userId,
      bucket: verdict,
      number: Number(ticket),
      failures: Number(failures),
      failingSince: since === null ? null : parseInstant(since),
    };
  }

  /** Records a failed attempt if it is the first since a success, and forgets a device that has failed too often. */
  async fail(by: Actor, ticket: AttemptTicket): Promise<void> {
    const { userId, failures, failingSince } = ticket;
    const device = deviceOf(ticket);
    if (failingSince !== null && (device === null || failures + 1 < maxDeviceFailures)) return;
    await runWrite(this.db, () =>
      this.#prepared.fail.execute({ context: auditContextOf(by), userId, deviceId: device }),
    );
  }

  /**
   * Forgives the attempt and all earlier ones of its bucket, and takes back the count of its address. Attempts that were
   * counted later stay.
   */
  async forgive(by: Actor, ticket: AttemptTicket): Promise<void> {
    const { userId, number, ipAddress, login } = ticket;
    await runWrite(this.db, () =>
      this.#prepared.forgive.execute({
        context: auditContextOf(by),
        userId,
        deviceId: deviceOf(ticket),
        number,
        ipAddress: ipAddress ?? null,
        login,
      }),
    );
  }

  /** Counts an attempt of a one-time code. @returns its number; undefined while such attempts are locked */
  async takeCode(by: Actor, userId: string): Promise<number | undefined> {
    const [row] = await this.#run(
      sql`public.take_code_attempt(${auditContextOf(by)}, ${userId}::uuid)::float8 as number`,
    );
    return row?.["number"] == null ? undefined : Number(row["number"]);
  }

  /** Forgives an attempt of a one-time code and all earlier ones. */
  async forgiveCode(by: Actor, userId: string, number: number): Promise<void> {
    await this.#run(sql`public.forgive_code_attempt(${auditContextOf(by)}, ${userId}::uuid, ${number}::bigint)`);
  }

  /** Counts an attempt of a recovery code. @returns whether the code may be checked */
  async countRecovery(userId: string): Promise<boolean> {
    const [row] = await this.#run(sql`public.count_recovery_attempt(${userId}::uuid) as admitted`);
    return row?.["admitted"] === true;
  }

  get #prepared() {
    this.#queries ??= prepareAttemptQueries(this.db);
    return this.#queries;
  }

  #run(call: SQL) {
    return runWrite(this.db, async () => this.db.execute(sql`select ${call}`));
  }
}

/** The device whose bucket counts an attempt; null for the strangers' one. */
export const deviceOf = ({ bucket, deviceId }: AttemptTicket) => (bucket === "device" ? (deviceId ?? null) : null);
