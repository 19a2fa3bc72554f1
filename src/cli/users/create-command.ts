import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createAccount, createAuthenticationLog, createPasswords } from "../../identity/index.ts";
import { createLog } from "../../observability/index.ts";
import type { User, UserRole } from "../../repositories/index.ts";
import { newAccount } from "../../validation/index.ts";
import { withDatabase } from "../database.ts";
import { readConfig } from "../environment.ts";
import { UsageError, withNamedFile } from "../failure.ts";
import { operatorActor } from "../operator.ts";
import { fieldLines, printResult } from "../result.ts";

interface CreateFlags {
  readonly email: string;
  readonly username: string;
  readonly role: UserRole;
  readonly passwordFile?: string;
  readonly json: boolean;
}

interface CreatedUser {
  readonly user: User;
  /** Only of a generated password, which is printed this once. */
  readonly password?: string;
}

/** Characters of a generated password, of 6 random bits each. */
const generatedLength = 20;

/**
 * `aeturnis-data users create`: an account with a password from a file, or with a generated one, which its owner must change
 * at the first sign-in.
 *
 * @throws {UsageError} for fields and files that are not valid
 * @throws {InvalidInputError} for a password that the rules refuse
 * @throws {ConflictError} if email or username are taken
 */
export const usersCreate = ({ passwordFile, json, ...flags }: CreateFlags): Promise<void> =>
  printResult(
    async (): Promise<CreatedUser> => {
      const config = readConfig().passwords;
      if (passwordFile !== undefined)
        return { user: await create({ ...flags, password: readPassword(passwordFile), mustChange: false }, config) };
      const password = generate(config.minLength);
      return { user: await create({ ...flags, password, mustChange: true }, config), password };
    },
    { json, textOf },
  );

function textOf({ user, password }: CreatedUser): string {
  const { id, email, username, role } = user;
  const fields = fieldLines({ id, email, username, role, ...(password !== undefined && { password }) });
  if (password === undefined) return fields;
  return `${fields}\n\nThe password is not stored and not printed again. It must be changed at the first sign-in.`;
}

const generate = (minLength: number): string => {
  const length = Math.max(generatedLength, minLength);
  return randomBytes(length).toString("base64url").slice(0, length);
};

/** The first line of a file, without its end. An argument would be seen by other users of the machine. */
function readPassword(file: string): string {
  const text = withNamedFile("--password-file", file, () => readFileSync(file === "-" ? 0 : file, "utf8"));
  const [line = ""] = text.split(/\r?\n/);
  if (line === "") throw new UsageError(`--password-file ${file}: the first line is empty: it must be the password.`);
  return line;
}

async function create(
  { mustChange, role, ...fields }: Omit<CreateFlags, "json"> & { password: string; mustChange: boolean },
  config: Parameters<typeof createPasswords>[0],
): Promise<User> {
  const account = newAccount.safeParse(fields);
  if (!account.success) {
    const [issue] = account.error.issues;
    throw new UsageError(`--${issue?.path.join(".")} ${issue?.message}.`);
  }
  const log = createLog({ level: "silent" });
  const authentications = createAuthenticationLog(log);
  const passwords = await createPasswords(config, { log, authentications });
  const by = operatorActor("users");
  try {
    return await withDatabase(({ inTransaction }) =>
      inTransaction(async ({ users, security }) => {
        const signal = new AbortController().signal;
        const user = await createAccount(by, account.data, { users, passwords, signal });
        if (mustChange) await security.requirePasswordChange(by, user.id);
        return role === "user" ? user : users.setRole(by, user.id, role);
      }),
    );
  } finally {
    await passwords.close();
    await authentications.close();
  }
}
