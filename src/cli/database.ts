import { randomBytes } from "node:crypto";
import { parseDatabaseUrl, redactedAddress } from "../config/index.ts";
import { codeOf, connect, type Database, sqlstate } from "../database/index.ts";
import { OperatorError } from "../errors.ts";
import { pendingMigrations } from "../migrator/index.ts";
import { createLog, describeDatabaseError } from "../observability/index.ts";
import { createRepositories, type Repositories } from "../repositories/index.ts";
import { readDatabaseConfig } from "./environment.ts";
import { UsageError } from "./failure.ts";
import { withTarget } from "./target.ts";

export interface CommandDatabase {
  readonly db: Database["db"];
  readonly repositories: Repositories;
  /** Runs work that is done as a whole, or not at all. */
  readonly inTransaction: <T>(work: (repositories: Repositories) => Promise<T>) => Promise<T>;
}

/** Statements of a command have no time limit: the other end of a pipe may be slow. Times in ms; 0 means no limit. */
const commandTimeouts = { statementTimeout: 0, lockTimeout: 60_000, idleTransactionTimeout: 0 };

/** Time without an answer of the database after which a command says that it waits (ms). */
const silentWait = 2_000;

/** The role of a command lacks a privilege. The message has the remedy. */
export class PrivilegeError extends OperatorError {}

/**
 * Runs a command on the configured database.
 *
 * @param options.asLogin for a command of the owner: whether the login does not assume DATABASE_ROLE
 * @throws {UsageError} if migrations are pending
 * @throws {PrivilegeError} if PostgreSQL denies a statement
 */
export function withDatabase<T>(
  work: (database: CommandDatabase) => Promise<T>,
  options: { signal?: AbortSignal; asLogin?: boolean } = {},
): Promise<T> {
  const { database } = readDatabaseConfig();
  const role = options.asLogin ? undefined : database.role;
  return withTarget(async ({ url, ssl = "disable", caFile }) => {
    const { db, close } = await announceWait(
      redactedAddress(url).host,
      connect(
        { ...database, ...commandTimeouts, url, ssl, caFile, role, poolMin: 1, poolMax: 2 },
        { log: createLog({ level: "silent" }), applicationName: "aeturnis-data command", signal: options.signal },
      ),
    );
    try {
      const pending = await pendingMigrations(db);
      if (pending.length > 0) {
        throw new UsageError(
          `Nothing was done: migrations are pending (${pending.join(", ")}). Apply them first: aeturnis-data migrate up`,
        );
      }
      // A command passes no cursor to a client, so any key will do.
      const options = { cursorKeys: [randomBytes(32)], scanLimit: Number.POSITIVE_INFINITY };
      return await work({
        db,
        repositories: createRepositories(db, options),
        inTransaction: (parts) => db.transaction((tx) => parts(createRepositories(tx, options))),
      });
    } catch (error) {
      if (error instanceof OperatorError || codeOf(error) !== sqlstate.insufficientPrivilege) throw error;
      throw denial(error, { role: role ?? parseDatabaseUrl(url).user, isForOwner: options.asLogin === true });
    } finally {
      await close();
    }
  });
}

/** Says on standard error that a command waits, in case that the database does not answer soon. */
function announceWait<T>(host: string, connecting: Promise<T>): Promise<T> {
  const timer = setTimeout(
    () => console.error(`Waiting for PostgreSQL at ${host}, which does not answer.`),
    silentWait,
  );
  return connecting.finally(() => clearTimeout(timer));
}

function denial(error: unknown, { role, isForOwner }: { role: string; isForOwner: boolean }): PrivilegeError {
  const remedy = isForOwner
    ? "Run the command as the owner of the tables."
    : `Connect as the owner of the tables, or, as the owner, run: aeturnis-data role grant ${role}`;
  const text = `The role ${role} lacks a privilege: ${describeDatabaseError(error)}. ${remedy}`;
  return new PrivilegeError(text, { cause: error });
}
