export { exportUsers } from "./export/export-users.ts";
export { type Format, formatOf } from "./file-format.ts";
export { type ImportOptions, type ImportProgress, type ImportReport, importUsers } from "./import/import-users.ts";
export { createMapping } from "./import/mapping.ts";
export type { Refusals } from "./import/rejected-rows.ts";
export { type PresetName, presetOf, readFirebaseHash } from "./presets/presets.ts";
