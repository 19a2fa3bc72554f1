import { type SQL, sql } from "drizzle-orm";
import { type Actor, auditContextOf, runWrite } from "../database/index.ts";
import { parseInstant } from "../schema/index.ts";
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
  /** Counts an attempt. @returns a ticket, or why the attempt may not be checked */
  async take(by: Actor, attempt: Attempt): Promise<AttemptTicket | RefusedAttempt> {
    const { userId, deviceId, ipAddress, login } = attempt;
    const [row] = await runWrite(this.db, async () =>
      this.db.execute(sql`
        select verdict, ticket::float8 as ticket, failures, to_json(since) #>> '{}' as since, wait
        from public.take_attempt(${auditContextOf(by)}, ${userId ?? null}::uuid, ${deviceId ?? null}::uuid,
          ${ipAddress ?? null}::inet, ${login})`),
    );
    const bucket = row?.["verdict"] as AttemptTicket["bucket"] | RefusedAttempt["bucket"];
    if (userId === undefined || (bucket !== "device" && bucket !== "stranger"))
      return { bucket: bucket as RefusedAttempt["bucket"], wait: Number(row?.["wait"] ?? 0) };
    const since = row?.["since"];
    return {
      ...attempt,
      userId,
      bucket,
      number: Number(row?.["ticket"]),
      failures: Number(row?.["failures"]),
      failingSince: since === null ? null : parseInstant(String(since)),
    };
  }

  /** Records a failed attempt if it is the first since a success, and forgets a device that has failed too often. */
  async fail(by: Actor, ticket: AttemptTicket): Promise<void> {
    const { userId, failures, failingSince } = ticket;
    const device = deviceOf(ticket);
    if (failingSince !== null && (device === null || failures + 1 < maxDeviceFailures)) return;
    await this.#run(sql`public.fail_attempt(${auditContextOf(by)}, ${userId}::uuid, ${device}::uuid)`);
  }

  /**
   * Forgives the attempt and all earlier ones of its bucket, and takes back the count of its address. Attempts that were
   * counted later stay.
   */
  async forgive(by: Actor, ticket: AttemptTicket): Promise<void> {
    const { userId, number, ipAddress, login } = ticket;
    await this.#run(sql`public.forgive_attempt(${auditContextOf(by)}, ${userId}::uuid, ${deviceOf(ticket)}::uuid,
      ${number}::bigint, ${ipAddress ?? null}::inet, ${login})`);
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

  #run(call: SQL) {
    return runWrite(this.db, async () => this.db.execute(sql`select ${call}`));
  }
}

const deviceOf = ({ bucket, deviceId }: AttemptTicket) => (bucket === "device" ? (deviceId ?? null) : null);
