import { randomUUID } from "node:crypto";

/** A well-formed Argon2id hash of an unknown password. */
export const passwordHash =
  "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaNTLQWL5vzYcJZk8";

/** A new user with a unique name and email address. */
export function newUser(overrides: { email?: string; username?: string; metadata?: Record<string, unknown> } = {}) {
  const name = `player_${randomUUID().slice(0, 13)}`;
  return { email: `${name}@example.com`, username: name, passwordHash, ...overrides };
}
