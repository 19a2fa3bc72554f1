import { appRouter } from "./app-router.ts";
import type { Rule } from "./authorization.ts";
import type { ProcedureAccess } from "./trpc.ts";

export const callers = ["anonymous", "user", "moderator", "admin", "service"] as const;

/** Who may call one procedure; a cell says for whose account: "own", "players'", "all"; or "yes", or "" for no. */
export type AccessRow = { readonly procedure: string } & { readonly [Caller in (typeof callers)[number]]: string };

/** Who may call what, as the procedures themselves declare it. */
export function accessMatrix(): AccessRow[] {
  const procedures = appRouter._def.procedures as unknown as Record<string, { _def: { meta?: ProcedureAccess } }>;
  return Object.entries(procedures)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([procedure, { _def }]) => {
      const { allow = [], about = false } = _def.meta ?? {};
      const cells = callers.map((caller) => [
        caller,
        about ? whose(caller, allow) : mayCall(caller, allow) ? "yes" : "",
      ]);
      return { procedure, ...Object.fromEntries(cells) } as AccessRow;
    });
}

type Caller = (typeof callers)[number];

/** Everybody may what anybody may; an account may what its role may, and an administrator what a moderator may. */
function mayCall(caller: Caller, allow: readonly Rule[]): boolean {
  if (allow.includes("anonymous") || allow.includes(caller)) return true;
  if (caller === "admin") return allow.includes("moderator") || allow.includes("user");
  return caller === "moderator" && allow.includes("user");
}

function whose(caller: Caller, allow: readonly Rule[]): string {
  if (caller === "admin" && (allow.includes("admin") || allow.includes("moderator"))) return "all";
  const own = ["user", "moderator", "admin"].includes(caller) && allow.includes("self") ? ["own"] : [];
  const players = caller === "moderator" && allow.includes("moderator") ? ["players'"] : [];
  return [...own, ...players].join(", ");
}

/** The same as a table of Markdown. */
export function accessTable(): string {
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    row(["procedure", ...callers]),
    row(Array(callers.length + 1).fill("---")),
    ...accessMatrix().map((line) => row([`\`${line.procedure}\``, ...callers.map((caller) => line[caller])])),
  ].join("\n");
}
