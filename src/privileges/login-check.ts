import { sql } from "drizzle-orm";
import { ConnectError, type Executor } from "../database/index.ts";
import { missingPrivileges } from "./inspection.ts";
import { textOf } from "./statements.ts";

/** Missing privileges that a message names. */
const shownPrivileges = 5;

/** @throws {ConnectError} if the current role lacks a privilege that the service needs */
export async function requireServicePrivileges(db: Executor): Promise<void> {
  const missing = await missingPrivileges(db);
  if (missing.length === 0) return;
  const [row] = await db.execute(sql`select current_user as role`);
  const shown = missing.slice(0, shownPrivileges).map(textOf);
  const more = missing.length > shown.length ? `, and ${missing.length - shown.length} more` : "";
  throw new ConnectError(
    `The role ${row?.["role"]} lacks privileges: ${shown.join(", ")}${more}. ` +
      `As the owner of the tables, run: aeturnis-data role grant ${row?.["role"]}`,
  );
}

/**
 * Returns why a login can change or remove the audit trail: it is a superuser, or owns the trail, or is a member of its owner.
 * A role that was assumed is no protection, because a statement can reset it. Undefined if it cannot.
 */
export async function ownershipOfLogin(db: Executor): Promise<string | undefined> {
  const [row] = await db.execute(sql`
    select session_user as login, rolsuper as superuser,
      (select relowner::regrole::text from pg_class join pg_namespace on pg_namespace.oid = relnamespace
        where nspname = 'public' and relname = 'audit_log' and pg_has_role(session_user, relowner, 'member')) as owner
    from pg_roles where rolname = session_user`);
  if (row?.["superuser"] === true) return `${row["login"]} is a superuser`;
  if (typeof row?.["owner"] !== "string") return undefined;
  return row["owner"] === row["login"]
    ? `${row["login"]} owns the audit trail`
    : `${row["login"]} is a member of ${row["owner"]}, which owns the audit trail`;
}
