import { grantServiceRole, type RoleGrant } from "../../privileges/index.ts";
import { withDatabase } from "../database.ts";
import { UsageError } from "../failure.ts";

interface GrantFlags {
  readonly create: boolean;
  readonly login: boolean;
  readonly dryRun: boolean;
}

/** Longest name of a role (bytes); PostgreSQL would cut a longer one off (PostgreSQL manual, 4.1.1). */
const maxNameLength = 63;

/**
 * `aeturnis-data role grant`.
 *
 * @throws {UsageError} for a name that PostgreSQL would change
 * @throws {RoleError}
 */
export async function roleGrant(role: string, flags: GrantFlags): Promise<void> {
  if (role === "" || Buffer.byteLength(role) > maxNameLength)
    throw new UsageError(`The name of the role must have 1 to ${maxNameLength} bytes.`);
  const grant = await withDatabase(({ db }) => grantServiceRole(db, { role, ...flags }), { asLogin: true });
  if (flags.dryRun) console.log(["begin;", ...grant.statements, "commit;"].join("\n"));
  else console.log(summary(role, grant, flags));
  if (grant.beyond.length > 0)
    console.error(
      ["The role may do more than the service needs:", ...grant.beyond.map((one) => `  ${one}`)].join("\n"),
    );
}

function summary(role: string, { created, revoked }: RoleGrant, { login }: GrantFlags): string {
  const lines = [`${created ? "Created" : "Found"} the role ${role}, which has the privileges of the service now.`];
  if (revoked.length > 0) lines.push("Taken away:", ...revoked.map((statement) => `  ${statement}`));
  if (created)
    lines.push(
      login
        ? `It has no password yet: set one with psql (\\password ${role}), and put both into DATABASE_URL.`
        : `A login that is a member of it assumes it with DATABASE_ROLE=${role}: grant ${role} to <login>;`,
    );
  return lines.join("\n");
}
