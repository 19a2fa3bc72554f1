import { type RoundTripResult, verify } from "../../migrator/index.ts";
import { duration } from "../duration.ts";
import { printJson } from "../json.ts";
import { printError } from "./fail.ts";
import { type CommonFlags, scratchServer, withSession } from "./session.ts";

/** `aeturnis-data migrate verify`: exits with 1 when the round trip of a migration fails or was not tried. */
export async function migrateVerify(flags: CommonFlags & { steps?: number; scratch?: string }): Promise<void> {
  await withSession(flags, async (options) => {
    const scratch = scratchServer(options.target, flags.scratch);
    const server = scratch ?? options.target;
    const proofs: RoundTripResult[] = [];
    const onResult = (proof: RoundTripResult) => {
      proofs.push(proof);
      if (!flags.json) console.log(lines(proof).join("\n"));
    };
    try {
      await verify({ ...options, server, disposable: scratch !== undefined, steps: flags.steps, onResult });
    } catch (error) {
      // The results before the error remain valid.
      if (flags.json) printJson({ proofs, error });
      printError(error);
      process.exitCode ||= 1;
      return;
    }
    if (flags.json) printJson({ proofs });
    if (proofs.some(({ outcome }) => outcome === "failed" || outcome === "not tried")) process.exitCode ||= 1;
  });
}

function lines({ tag, outcome, reasons, empty, duration: ms }: RoundTripResult): string[] {
  return [
    `${outcome.padEnd(12)}  ${tag.padEnd(40)}  ${duration(ms)}`,
    ...reasons.map((reason) => `  ${reason.replaceAll("\n", "\n  ")}`),
    ...empty.map(({ table, reason }) => `  without rows in ${table}: ${reason.replaceAll("\n", "\n  ")}`),
  ];
}
