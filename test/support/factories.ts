import { randomUUID } from "node:crypto";

/** A hash of nothing anybody knows; its form is what counts. */
export const passwordHash =
  "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaNTLQWL5vzYcJZk8";

/** A user that nobody else has. */
export function newUser(overrides: { email?: string; username?: string; metadata?: Record<string, unknown> } = {}) {
  const name = `player_${randomUUID().slice(0, 13)}`;
  return { email: `${name}@example.com`, username: name, passwordHash, ...overrides };
}
