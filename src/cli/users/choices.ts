import type { Format, PresetName } from "../../accounts/index.ts";

// The door of accounts loads zod and Drizzle. Only its types are imported here, so `--help` and `--version` load neither.

const formats: Readonly<Record<Format, true>> = { csv: true, jsonl: true, json: true };
const presets: Readonly<Record<PresetName, true>> = {
  auth0: true,
  firebase: true,
  cognito: true,
  keycloak: true,
  supabase: true,
  django: true,
  wordpress: true,
};

/** Values of `users import --format`. */
export const importFormatChoices: readonly string[] = Object.keys(formats);
/** Values of `users import --from`. */
export const presetChoices: readonly string[] = Object.keys(presets);
/** Values of `users export --format`. */
export const exportFormatChoices = ["csv", "jsonl"] as const satisfies readonly Format[];
