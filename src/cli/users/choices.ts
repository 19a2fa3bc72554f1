import type { FileFormat, PresetName } from "../../accounts/index.ts";
import type { UserRole, UserStatus } from "../../repositories/index.ts";

// Only types are imported: the modules load zod and Drizzle, which `--help` and `--version` do not need.

const fileFormats: Readonly<Record<FileFormat, true>> = { csv: true, jsonl: true, json: true };
const presetNames: Readonly<Record<PresetName, true>> = {
  auth0: true,
  firebase: true,
  cognito: true,
  keycloak: true,
  supabase: true,
  django: true,
  wordpress: true,
};

/** Values of `users import --format`. */
export const importFormatChoices: readonly string[] = Object.keys(fileFormats);
/** Values of `users import --from`. */
export const presetChoices: readonly string[] = Object.keys(presetNames);
/** Values of `users export --format`. */
export const exportFormatChoices = ["csv", "jsonl"] as const satisfies readonly FileFormat[];

const statuses: Readonly<Record<UserStatus, true>> = { active: true, suspended: true, banned: true };
const roles: Readonly<Record<UserRole, true>> = { user: true, moderator: true, admin: true };

/** Values of `users set-status`. */
export const statusChoices: readonly string[] = Object.keys(statuses);
/** Values of `users set-role`, and of `users create --role`. */
export const roleChoices: readonly string[] = Object.keys(roles);
