import type { Repositories, User } from "../repositories/index.ts";
import { isUuid } from "../validation/index.ts";

/** The account that an argument names by its id, email or username. @throws {NotFoundError} */
export function findAccount(users: Repositories["users"], named: string): Promise<User> {
  // A username has no @. It may look like a UUID, which is taken for an id.
  if (isUuid(named.toLowerCase())) return users.findById(named);
  return named.includes("@") ? users.findByEmail(named) : users.findByUsername(named);
}
