import { availableParallelism } from "node:os";
import { hash as argon2 } from "@node-rs/argon2";
import { type HashLane, HashQueue } from "./hash-queue.ts";
import { needsRehash } from "./needs-rehash.ts";
import { verifyPassword } from "./verify-password.ts";

/** Whose password is computed. Known callers come first. */
interface Lane {
  readonly lane: HashLane;
}

/** OWASP Password Storage Cheat Sheet, Argon2id. */
const cost = { memoryKiB: 19_456, passes: 2, lanes: 1 };

/** Computes and checks passwords, all of the process in one queue. */
export function createPasswords() {
  const threads = Number(process.env["UV_THREADPOOL_SIZE"] ?? 4);
  const queue = new HashQueue({ limit: Math.max(1, Math.min(availableParallelism(), threads - 2)) });

  const compute = (password: string) =>
    argon2(password, {
      memoryCost: cost.memoryKiB,
      timeCost: cost.passes,
      parallelism: cost.lanes,
    });

  return {
    hash: (password: string, { lane }: Lane): Promise<string> =>
      queue.run(() => compute(password.normalize("NFC")), { lane }),

    verify: (stored: string | undefined, password: string, { lane }: Lane): Promise<boolean> =>
      queue.run(
        async () => {
          const normalized = password.normalize("NFC");
          if (stored === undefined) {
            await compute(normalized.slice(0, 256));
            return false;
          }
          if (await verifyPassword(stored, normalized)) return true;
          // Another system may have hashed the password as it was sent.
          return normalized !== password && verifyPassword(stored, password);
        },
        { lane },
      ),

    needsRehash: (stored: string): boolean => needsRehash(stored, cost),

    check: async (_password: string, _context: { email: string; username: string; field: string }): Promise<void> => {},
  };
}

export type Passwords = ReturnType<typeof createPasswords>;
