import { type DataLoss, type DownOptions, type DownReport, describeLoss, down, redo } from "../../migrator/index.ts";
import { createConfirm } from "./confirmation.ts";

import { count, finish } from "./print.ts";
import { type CommonFlags, withSession } from "./session.ts";

type Flags = CommonFlags &
  Pick<DownOptions, "to" | "steps" | "all" | "dryRun" | "allowDrift" | "lockWait" | "lockTimeout"> & { yes?: boolean };

/** `aeturnis-data migrate down` */
export async function migrateDown(flags: Flags): Promise<void> {
  await withSession(flags, async (options) => {
    print(await down({ ...flags, ...options, confirm: confirmation(flags) }), flags);
  });
}

/** `aeturnis-data migrate redo` */
export async function migrateRedo(flags: Flags): Promise<void> {
  await withSession(flags, async (options) => {
    print(await redo({ ...flags, ...options, confirm: confirmation(flags) }), flags);
  });
}

function print(report: DownReport, flags: Flags): void {
  const nothing = report.results.length === 0 && report.error === undefined;
  const list = report.results.map(({ tag }) => `  ${tag}`).join("\n");
  const lost = report.losses.map((loss) => `\n  loses ${describeLoss(loss)}`).join("");
  const text = nothing
    ? `Nothing to do: no migration ${flags.to === undefined ? "" : `after ${flags.to} `}is applied.`
    : flags.dryRun
      ? `Would be undone:\n${list}${lost}`
      : `${count(report)}.`;
  finish(report, { json: flags.json, text, logged: !nothing && !flags.dryRun });
}

const confirmation = (flags: Flags) =>
  createConfirm(
    flags,
    (losses: readonly DataLoss[]) => ["This data would be lost:", ...losses.map((loss) => `  ${describeLoss(loss)}`)],
    "Continue?",
  );
