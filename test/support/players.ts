import { hash } from "@node-rs/argon2";
import type { Sql } from "postgres";
import { account } from "./service.ts";

export const password = "correct horse battery staple";

/** Cheap: what a sign-in does with a hash does not depend on its cost. */
const cheapHash = await hash(password, { memoryCost: 64, timeCost: 1 });

/** Inserts an account that signs in by `password`, or that has another hash. */
export async function createPlayer(sql: Sql, options: { role?: "user" | "moderator"; hash?: string } = {}) {
  const one = await account(sql, options.role);
  await sql`update users set password_hash = ${options.hash ?? cheapHash} where id = ${one.id}`;
  return one;
}
