import { availableParallelism } from "node:os";
import { ConfigError, type PasswordConfig } from "../../config/index.ts";
import type { Log } from "../../observability/index.ts";
import { type Argon2Cost, isArgon2Affordable } from "../../validation/index.ts";
import type { AuthenticationLog } from "../authentication-log.ts";
import { type BreachedPasswords, openBreachedPasswords } from "./breached-passwords.ts";
import { openCommonPasswords } from "./common-passwords.ts";
import { hashPassword } from "./hash-password.ts";
import { type HashJobOptions, HashQueue } from "./hash-queue.ts";
import { createHashThreads } from "./hash-threads.ts";
import { needsRehash } from "./needs-rehash.ts";
import { createPasswordRules, isUnreadable, maxPasswordLength, type PasswordRules } from "./password-rules.ts";
import { normalizePassword } from "./password-text.ts";
import { verifyPassword } from "./verify-password.ts";

/** New passwords: their rules and hashes. */
export interface Passwords extends PasswordRules {
  /** Admits every hash computation of the process. */
  readonly queue: HashQueue;
  /** The cost of new hashes. */
  readonly cost: Argon2Cost;
  /**
   * The hash of a password that the rules accept, in PHC form.
   *
   * @throws {TooManyRequestsError} if the queue is full
   */
  hash(password: string, options: HashJobOptions): Promise<string>;
  /**
   * Whether a password has a hash, of any system that imports accept. Without a hash it takes the same work.
   *
   * @param stored returns the hash, when the turn of the check has come
   * @throws {TooManyRequestsError} if the queue is full
   */
  verify(stored: () => Promise<string | undefined>, password: string, options: HashJobOptions): Promise<boolean>;
  /** Whether a hash is to be replaced by a new one of the same password. */
  needsRehash(stored: string): boolean;
  close(): Promise<void>;
}

/** Length from which a password may be the only factor (NIST SP 800-63B-4, 3.1.1.2; code points). */
const singleFactorLength = 15;

/** Threads of Node that are left for files and names. */
const otherThreads = 2;

/**
 * Hashes that are computed at once: one for each processor, and fewer than Node has threads, so that reads of files and
 * look-ups of names do not wait for them.
 */
export const hashLimit = (threads: number, cores = availableParallelism()): number =>
  Math.max(1, Math.min(cores, threads - otherThreads));

/** Hashed in place of a password that is not checked, for the same work. */
const absentPassword = "x".repeat(maxPasswordLength);

/** Jobs for each thread: while a hash is computed, the attempt of the next job is counted by the database. */
const jobsPerThread = 2;

/**
 * @throws {ConfigError} for a cost beyond what imports accept, and for an unusable file of breached passwords
 * @throws {MissingPasswordListError} if the package was not built
 */
export async function createPasswords(
  config: PasswordConfig,
  { log, authentications }: { readonly log: Log; readonly authentications: AuthenticationLog },
): Promise<Passwords> {
  const { minLength, memoryKiB, passes } = config;
  const cost = { memoryKiB, passes, lanes: 1 };
  if (!isArgon2Affordable(cost))
    throw new ConfigError(["ARGON2_MEMORY_KIB times ARGON2_PASSES must be at most 1048576: reduce one of them"]);
  const common = await openCommonPasswords();
  const breached = await openConfigured(config);
  if (minLength < singleFactorLength)
    log.warn({ minLength }, "PASSWORD_MIN_LENGTH is below 15, which NIST SP 800-63B-4 requires of a single factor");
  const hashes = hashLimit(config.threads);
  const threads = createHashThreads({ limit: hashes });
  const queue = new HashQueue({
    limit: hashes * jobsPerThread,
    // Each refused call is logged at `debug` only: an overload would fill the log.
    onRefusal: () => authentications.record("password_queue_full"),
  });

  const isRight = async (stored: string | undefined, password: string): Promise<boolean> => {
    if (stored === undefined || isUnreadable(password)) {
      await hashPassword(absentPassword, cost);
      return false;
    }
    const normalized = normalizePassword(password);
    if (await verifyPassword(stored, normalized)) return true;
    // Another system may have hashed the password as it was sent.
    return normalized !== password && verifyPassword(stored, password);
  };

  return {
    ...createPasswordRules({ minLength, common, breached: breached?.has }),
    queue,
    cost,
    hash: (password, options) => queue.run(() => threads.run(hashPassword, password, cost), options),
    verify: (stored, password, options) =>
      queue.run(async () => threads.run(isRight, await stored(), password), options),
    needsRehash: (stored) => needsRehash(stored, cost),
    close: async () => {
      threads.close();
      await breached?.close();
    },
  };
}

function openConfigured({ breachedFile }: PasswordConfig): Promise<BreachedPasswords> | undefined {
  if (breachedFile === undefined) return undefined;
  return openBreachedPasswords(breachedFile).catch((error: Error) => {
    throw new ConfigError([`BREACHED_PASSWORDS_FILE ${error.message}`]);
  });
}
