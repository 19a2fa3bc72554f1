import { type UpOptions, up } from "../../migrator/index.ts";
import { count, finish } from "./print.ts";
import { type CommonFlags, withSession } from "./session.ts";

type Flags = CommonFlags & Pick<UpOptions, "to" | "steps" | "dryRun" | "allowDrift" | "lockWait" | "lockTimeout">;

/** `aeturnis-data migrate up` */
export async function migrateUp(flags: Flags): Promise<void> {
  await withSession(flags, async (options) => {
    const report = await up({ ...flags, ...options });
    const nothing = report.results.length === 0 && report.error === undefined;
    const list = report.results.map(({ tag }) => `  ${tag}`).join("\n");
    const text = nothing
      ? `Nothing to do: ${flags.to === undefined ? "every migration" : `everything up to ${flags.to}`} is applied.`
      : flags.dryRun
        ? `Would be applied:\n${list}`
        : `${count(report)}.`;
    finish(report, { json: flags.json, text, logged: !nothing && !flags.dryRun });
  });
}
