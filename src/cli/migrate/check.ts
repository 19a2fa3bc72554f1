import { checkFolder } from "../../migrator/index.ts";
import { printJson } from "../json.ts";

/** `aeturnis-data migrate check` */
export async function migrateCheck(flags: { folder?: string; json?: boolean }): Promise<void> {
  const faults = await checkFolder(flags.folder);
  if (flags.json) printJson({ faults });
  else if (faults.length === 0) console.log("The migrations are consistent: journal, files and down migrations agree.");
  else for (const fault of faults) console.error(fault);
  if (faults.length > 0) process.exitCode = 1;
}
