import { userRoles } from "../schema/index.ts";
import { type AccessRule, isAdmitted, mayActOn, type ProcedureAccess } from "./access-rules.ts";
import { procedures } from "./procedures.ts";

export const callerKinds = ["anonymous", ...userRoles, "service"] as const;
type CallerKind = (typeof callerKinds)[number];

/**
 * Who may call one procedure. A cell is "yes", the accounts it may be called for ("own", "players'", "all"), or "".
 * `session` is what a caller's session must or may be: the stages before `full` that are admitted, and when it must have
 * been authenticated recently.
 */
export type AccessRow = { readonly procedure: string; readonly session: string } & {
  readonly [Kind in CallerKind]: string;
};

/** Returns one row for each procedure, sorted by name, as the procedures declare their access. */
export function accessMatrix(): AccessRow[] {
  return [...procedures.values()]
    .sort((a, b) => (a.path < b.path ? -1 : 1))
    .map(({ path, access }) => {
      const cells = callerKinds.map((caller) => [caller, cellOf(caller, access)]);
      return { procedure: path, ...Object.fromEntries(cells), session: sessionCell(access) } as AccessRow;
    });
}

function sessionCell({ stages, recent }: ProcedureAccess): string {
  const condition = typeof recent === "string" ? "" : ` ${recent.when}`;
  return [...stages, ...(recent === "never" ? [] : [`recent${condition}`])].join(", ");
}

function cellOf(caller: CallerKind, { rules, isOwned }: ProcedureAccess): string {
  if (caller === "anonymous" || caller === "service")
    return rules.includes("anonymous") || rules.includes(caller) ? "yes" : "";
  if (isOwned) return accountsOf(caller, rules);
  return rules.includes("anonymous") || isAdmitted(caller, rules) ? "yes" : "";
}

/** The accounts that a role may call an owned procedure for. */
function accountsOf(role: (typeof userRoles)[number], rules: readonly AccessRule[]): string {
  const reached = isAdmitted(role, rules) ? userRoles.filter((ownerRole) => mayActOn(role, ownerRole)) : [];
  if (reached.length === userRoles.length) return "all";
  const own = rules.includes("owner") ? ["own"] : [];
  const players = reached.includes("user") ? ["players'"] : [];
  return [...own, ...players].join(", ");
}

/** Returns the matrix as a Markdown table. */
export function accessTable(): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(["procedure", ...callerKinds, "session"]),
    line(Array(callerKinds.length + 2).fill("---")),
    ...accessMatrix().map((row) =>
      line([`\`${row.procedure}\``, ...callerKinds.map((caller) => row[caller]), row.session]),
    ),
  ].join("\n");
}
