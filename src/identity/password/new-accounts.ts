import { setImmediate as nextTurn } from "node:timers/promises";
import { type BulkReport, checkedBy, type RejectedRow } from "../../bulk/index.ts";
import type { Actor } from "../../database/index.ts";
import { InvalidInputError } from "../../errors.ts";
import type { Repositories, User } from "../../repositories/index.ts";
import { type NewAccount, newAccount } from "../../validation/index.ts";
import type { Passwords } from "./passwords.ts";

/** What the creation of accounts uses, and the caller's signal, which gives its places in the hash queue back. */
interface CreationOptions {
  readonly users: Repositories["users"];
  readonly passwords: Passwords;
  readonly signal: AbortSignal;
}

/** Rows with a password in one call: their hashes take about a second of two processors. */
const maxPasswords = 100;

/** Rows that are checked in one turn of the event loop. */
const rowsPerTurn = 20;

type Checked = { readonly row: NewAccount } | { readonly refused: Omit<RejectedRow, "index"> };

const checkFields = checkedBy<NewAccount>(newAccount);

/**
 * Creates an account. Its password is hashed before a connection to the database is taken.
 *
 * @throws {InvalidInputError} for a password that the rules refuse
 * @throws {TooManyRequestsError} if the hash queue is full
 * @throws {ConflictError} if email or username are taken
 */
export async function createAccount(by: Actor, account: NewAccount, options: CreationOptions): Promise<User> {
  if (account.password !== undefined)
    await options.passwords.check(account.password, { context: account, field: "password" });
  return options.users.create(by, await withHash(account, options));
}

/**
 * Creates accounts. All rows are checked before the first password is hashed; a refused atomic call hashes none.
 *
 * @returns the number of accounts created, and the refused rows with their index in `rows`
 * @throws {InvalidInputError} for more than 100 rows with a password
 * @throws {TooManyRequestsError} if the hash queue is full; no account is created then
 */
export async function createAccounts(
  by: Actor,
  rows: readonly object[],
  { atomic, ...options }: CreationOptions & { readonly atomic: boolean },
): Promise<BulkReport> {
  const { length } = rows.filter((row) => "password" in row && row.password !== undefined);
  if (length > maxPasswords) {
    throw new InvalidInputError(
      `rows: at most ${maxPasswords} rows of a call may have a password, and ${length} have one: make several calls, or send passwordHash`,
      { field: "rows" },
    );
  }
  const checked: Checked[] = [];
  for (const [index, row] of rows.entries()) {
    checked.push(await checkRow(row, options));
    if (index % rowsPerTurn === 0) await nextTurn();
  }
  if (length > 0 && atomic) {
    const refused = checked.flatMap((row, index) => ("refused" in row ? { index, ...row.refused } : []));
    if (refused.length > 0) return { written: 0, refused };
  }
  const hashed = await hashAll(checked, options);
  return options.users.createMany(by, hashed, { atomic, check: (row) => row });
}

async function checkRow(row: object, { passwords }: CreationOptions): Promise<Checked> {
  const checked = checkFields(row);
  if ("refused" in checked || checked.row.password === undefined) return checked;
  const fault = await passwords.faultOf(checked.row.password, checked.row);
  return fault === undefined ? checked : { refused: { code: "BAD_REQUEST", field: "password", message: fault } };
}

/** Hashes the passwords of the accepted rows, as many at once as the queue runs, so that other callers get their turns. */
async function hashAll(rows: readonly Checked[], options: CreationOptions) {
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const hashed: ({ readonly row: NewUser } | Exclude<Checked, { row: unknown }>)[] = [];
  const remaining = rows.entries();
  const hashRemaining = async () => {
    for (const [index, checked] of remaining) {
      hashed[index] = "refused" in checked ? checked : { row: await withHash(checked.row, { ...options, signal }) };
    }
  };
  // The first failure ends the others, whose hashes would be wasted.
  const run = () =>
    hashRemaining().catch((error: unknown) => {
      failed.abort(error);
      throw error;
    });
  await Promise.all(Array.from({ length: options.passwords.queue.limit }, run));
  return hashed;
}

async function withHash(
  { password, ...account }: NewAccount,
  { passwords, signal }: CreationOptions,
): Promise<NewUser> {
  const passwordHash = account.passwordHash ?? (await passwords.hash(password ?? "", { lane: "known", signal }));
  return { ...account, passwordHash };
}

type NewUser = Omit<NewAccount, "password" | "passwordHash"> & { readonly passwordHash: string };
