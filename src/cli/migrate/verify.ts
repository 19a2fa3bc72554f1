import { type Proof, verify } from "../../migrations/verify.ts";
import { duration } from "../screen.ts";
import { printJson } from "./print.ts";
import { type CommonFlags, withSession } from "./session.ts";

/** `aeturnis-data migrate verify`: exits with 1 when a way back is not proved. */
export async function migrateVerify(flags: CommonFlags & { steps?: number; scratch?: string }): Promise<void> {
  await withSession(flags, async (options) => {
    const server = flags.scratch === undefined ? options.target : { ...options.target, url: flags.scratch };
    const onProof = flags.json ? undefined : (proof: Proof) => console.log(lines(proof).join("\n"));
    const proofs = await verify({ ...options, server, steps: flags.steps, onProof });
    if (flags.json) printJson({ proofs });
    if (proofs.some(({ outcome }) => outcome === "failed" || outcome === "not tried")) process.exitCode ||= 1;
  });
}

function lines({ tag, outcome, reasons, empty, duration: ms }: Proof): string[] {
  return [
    `${outcome.padEnd(12)}  ${tag.padEnd(40)}  ${duration(ms)}`,
    ...reasons.map((reason) => `  ${reason.replaceAll("\n", "\n  ")}`),
    ...empty.map(
      ({ table, reason }) =>
        `  without rows in ${table}, for which none were found (${reason}): write some into ${tag}.rows.sql`,
    ),
  ];
}
