export { exportUsers } from "./export/export-users.ts";
export { type FileFormat, formatOf } from "./file-format.ts";
export type { ImportOptions, ImportProgress, ImportReport } from "./import/import-options.ts";
export { importUsers } from "./import/import-users.ts";
export type { RejectedRowWriter } from "./import/rejected-rows.ts";
export { createFieldMapping } from "./mapping/field-mapping.ts";
export { parseFirebaseHashParameters } from "./presets/firebase-hash.ts";
export { type PresetName, presetOf } from "./presets/presets.ts";
