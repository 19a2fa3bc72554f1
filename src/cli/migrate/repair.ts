import { type Repair, repair } from "../../migrator/index.ts";
import { printJson } from "../json.ts";
import { createConfirm } from "./confirmation.ts";
import { type CommonFlags, withSession } from "./session.ts";

/** `aeturnis-data migrate repair`: repairs only after confirmation, on the terminal or by `--yes`. */
export async function migrateRepair(flags: CommonFlags & { tags: string[]; yes?: boolean }): Promise<void> {
  await withSession(flags, async (options) => {
    const confirm = createConfirm(flags, (repairs: readonly Repair[]) => lines(repairs), "Repair this?");
    const report = await repair({ ...options, tags: flags.tags, confirm });
    if (flags.json) printJson(report);
    else if (report.repairs.length === 0) console.log("Nothing to repair: the records agree with the files.");
    else if (report.mended) console.log(["Repaired:", ...lines(report.repairs)].join("\n"));
    else console.log(["To repair this, use --yes:", ...lines(report.repairs)].join("\n"));
    if (report.repairs.length > 0 && !report.mended) process.exitCode ||= 1;
  });
}

const lines = (repairs: readonly Repair[]) =>
  repairs.map(({ tag, problem, remedy }) => `  ${tag}  ${problem}: ${remedy}`);
