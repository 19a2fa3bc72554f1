import { type BaselineOptions, baseline } from "../../migrator/index.ts";
import { count, finish } from "./print.ts";
import { type CommonFlags, scratchServer, withSession } from "./session.ts";

type Flags = CommonFlags & Pick<BaselineOptions, "tag" | "allowDrift" | "lockWait"> & { scratch?: string };

/** `aeturnis-data migrate baseline` */
export async function migrateBaseline({ tag, allowDrift, lockWait, scratch, ...flags }: Flags): Promise<void> {
  await withSession(flags, async (options) => {
    const server = scratchServer(options.target, scratch);
    const report = await baseline({ ...options, tag, allowDrift, lockWait, scratch: server });
    const nothing = report.results.length === 0;
    const text = nothing ? `Nothing to do: every migration up to ${tag} is recorded.` : `${count(report)}.`;
    finish(report, { json: flags.json, text, logged: false });
  });
}
