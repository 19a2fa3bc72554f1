import { sql } from "drizzle-orm";
import {
  acquireAdvisoryLock,
  advisoryLocks,
  type Db,
  type Executor,
  isTransactionConflict,
} from "../database/index.ts";
import { OperatorError } from "../errors.ts";
import { findRightsBeyond, missingObjects, missingPrivileges, revokeStatements } from "./inspection.ts";
import { summarizePrivileges } from "./login-check.ts";
import { grantStatements } from "./statements.ts";

/** The role cannot be given the privileges of the service. The message has the remedy. */
export class RoleError extends OperatorError {}

export interface GrantOptions {
  /** The name of the role. */
  readonly role: string;
  /** Whether to create the role if it does not exist. */
  readonly create?: boolean;
  /** Whether the role may log in. */
  readonly login?: boolean;
  /** Whether to return the statements without running them. */
  readonly dryRun?: boolean;
}

export interface RoleGrant {
  /** The statements, which were run in this order in one transaction unless `dryRun` is set. */
  readonly statements: readonly string[];
  readonly created: boolean;
  /** The statements among them that take privileges away. */
  readonly revoked: readonly string[];
  /** What the role may do beyond the declaration, such as through PUBLIC, as sentences with the remedy. */
  readonly beyond: readonly string[];
}

/**
 * Gives a role the privileges of the service, and takes away what else it was granted in this database. It may run beside
 * services, and be repeated.
 *
 * @param db of a login that owns the tables and, with `create` or `login`, may create roles
 * @throws {RoleError} if the role does not exist, owns the trail or is a superuser, if migrations are pending, or if the login
 *   may not grant all privileges; nothing is changed then
 */
export function grantServiceRole(db: Db, options: GrantOptions): Promise<RoleGrant> {
  const { role, dryRun = false } = options;
  return db.transaction(async (tx) => {
    await tx.execute(sql`select ${acquireAdvisoryLock(advisoryLocks.migrator('"drizzle"."__drizzle_migrations"'))}`);
    const missing = await missingObjects(tx);
    if (missing.length > 0) {
      throw new RoleError(`Nothing was granted: ${missing.join(", ")} does not exist. Apply the migrations first.`);
    }
    const account = await readAccount(tx, role);
    const creation = creationStatements(account, options);
    const revoked = account.exists ? await revokeStatements(tx, role) : [];
    const statements = [...creation, ...revoked, ...grantStatements(account.name)];
    if (!dryRun) {
      for (const statement of statements) await run(tx, statement);
      await requireGranted(tx, role);
    }
    // A privilege that another role has granted is not taken away by the owner, and PostgreSQL gives no error.
    const left = dryRun ? [] : await revokeStatements(tx, role);
    const beyond = dryRun && !account.exists ? [] : await findRightsBeyond(tx, role);
    return {
      ...{ statements, created: !account.exists && !dryRun },
      revoked: revoked.filter((statement) => !left.includes(statement)),
      beyond: [
        ...left.map((statement) => `${role} keeps what another role has granted. As that role: ${statement}`),
        ...beyond,
      ],
    };
  });
}

/** @throws {RoleError} if PostgreSQL refuses the statement. Its message names objects only. */
async function run(tx: Executor, statement: string): Promise<void> {
  try {
    await tx.execute(sql.raw(statement));
  } catch (error) {
    if (isTransactionConflict(error) || !(error instanceof Error)) throw error;
    const reason = error.cause instanceof Error ? error.cause.message : error.message;
    throw new RoleError(`Nothing was granted, because this statement was refused (${reason}): ${statement}`, {
      cause: error,
    });
  }
}

/**
 * A GRANT of a login that may pass on only a part of the privileges, or none, gives a warning and no error.
 *
 * @throws {RoleError} if the role lacks a privilege
 */
async function requireGranted(tx: Executor, role: string): Promise<void> {
  const missing = await missingPrivileges(tx, role);
  if (missing.length === 0) return;
  const [row] = await tx.execute(sql`select current_user as login`);
  throw new RoleError(
    `Nothing was granted: ${role} would lack privileges that ${row?.["login"]} may not grant: ${summarizePrivileges(missing)}. ` +
      "Run the command as the owner of the tables.",
  );
}

/** A role, and the login that gives it privileges. */
interface Account {
  /** The name of the role as an SQL identifier. */
  readonly name: string;
  readonly exists: boolean;
  readonly mayLogIn: boolean;
  readonly isSuperuser: boolean;
  readonly ownsTrail: boolean;
  /** Whether the login is a superuser, who may assume every role. */
  readonly isBySuperuser: boolean;
  /** The database as an SQL identifier. */
  readonly database: string;
}

async function readAccount(tx: Executor, role: string): Promise<Account> {
  const [row] = await tx.execute(sql`
    select quote_ident(${role}) as name, quote_ident(current_database()) as database, given.oid is not null as exists,
      coalesce(given.rolcanlogin, false) as "mayLogIn", coalesce(given.rolsuper, false) as "isSuperuser",
      exists (select from pg_class where oid = 'public.audit_log'::regclass and relowner = given.oid) as "ownsTrail",
      present.rolsuper as "isBySuperuser"
    from pg_roles as present left join pg_roles as given on given.rolname = ${role}
    where present.rolname = current_user`);
  return row as unknown as Account;
}

/** @throws {RoleError} */
function creationStatements(account: Account, { role, create = false, login = false }: GrantOptions): string[] {
  const { name, exists, isSuperuser, ownsTrail } = account;
  if (!exists && !create) throw new RoleError(`There is no role ${role}: --create creates it.`);
  if (isSuperuser || ownsTrail) {
    const reason = isSuperuser ? "is a superuser" : "owns the audit trail";
    throw new RoleError(`Nothing was granted: ${role} ${reason}. The service needs a role of its own.`);
  }
  const statements: string[] = [];
  if (!exists) statements.push(`create role ${name}${login ? " login" : ""};`);
  else if (login && !account.mayLogIn) statements.push(`alter role ${name} login;`);
  if (login) statements.push(`grant connect on database ${account.database} to ${name};`);
  // This login assumes the role, for which it has to be a member.
  else if (!exists && !account.isBySuperuser) statements.push(`grant ${name} to current_user;`);
  return statements;
}
