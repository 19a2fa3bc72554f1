import { readFileSync } from "node:fs";
import {
  configuredSigners,
  type Finding,
  type LogVerification,
  type NoteVerifier,
  parseNoteVerifier,
  parsePosition,
  readNotes,
  SignedNoteError,
  verifyLog,
} from "../../audit/index.ts";
import { withDatabase } from "../database.ts";
import { readAuditConfig } from "../environment.ts";
import { fail, failureReason, UsageError, withNamedFile } from "../failure.ts";
import { withInterrupt } from "../interrupt.ts";
import { printJson } from "../json.ts";
import { createStatusLine } from "../status-line.ts";

interface VerifyFlags {
  readonly from?: string;
  readonly to?: string;
  readonly against?: readonly string[];
  readonly key?: readonly string[];
  readonly json: boolean;
}

const exitCodes = { intact: 0, altered: 1, unknown: 2 } as const;

/** `aeturnis-data audit verify`. Exit code: 0 if the trail is intact, 1 if it is not, 2 if that cannot be told. */
export async function auditVerify(flags: VerifyFlags): Promise<void> {
  try {
    const result = await verify(flags);
    if (flags.json) printJson(result);
    else console.log(textOf(result));
    process.exitCode ??= exitCodes[result.verdict];
  } catch (error) {
    // For a monitor that reads standard output, unless a signal has set an exit code.
    if (flags.json && process.exitCode === undefined)
      printJson({ verdict: "unknown", reason: await failureReason(error) });
    process.exitCode ??= exitCodes.unknown;
    await fail(error);
  }
}

async function verify({ from, to, against = [], key }: VerifyFlags): Promise<LogVerification> {
  const options = {
    keys: keysOf(key),
    from: from === undefined ? undefined : parsePosition(from, "--from"),
    to: to === undefined ? undefined : parsePosition(to, "--to"),
    against: against.flatMap(readCheckpoints),
  };
  const status = process.stderr.isTTY ? createStatusLine(process.stderr) : undefined;
  try {
    return await withInterrupt((signal) =>
      withDatabase(
        ({ db }) =>
          verifyLog(db, {
            ...options,
            signal,
            onProgress: ({ done, total }) =>
              status?.show(`${done.toLocaleString("en")} of ${total.toLocaleString("en")} rows`),
          }),
        { signal },
      ),
    );
  } finally {
    status?.clear();
  }
}

/** The given public keys, or else those of AUDIT_SIGNING_KEY. */
function keysOf(texts: readonly string[] | undefined): NoteVerifier[] {
  if (texts === undefined) return configuredSigners(readAuditConfig()).map(({ verifier }) => verifier);
  try {
    return texts.map(parseNoteVerifier);
  } catch (error) {
    throw error instanceof SignedNoteError ? new UsageError(`--key ${error.message}`) : error;
  }
}

function readCheckpoints(file: string): string[] {
  const { notes, isUnfinished } = readNotes(withNamedFile("--against", file, () => readFileSync(file, "utf8")));
  if (notes.length === 0) throw new UsageError(`--against ${file}: has no checkpoint.`);
  if (isUnfinished) console.error(`--against ${file}: the last checkpoint is unfinished, and was passed over.`);
  return notes;
}

function textOf(result: LogVerification): string {
  const { range, size, checkpoint, compared, unsigned, unsealed, late, findings, counts } = result;
  const rows = count(range.end - range.start, "row");
  const total = Object.values(counts).reduce((sum, number) => sum + number, 0);
  return [
    range.end - range.start === size
      ? `Verified all ${rows} of the log.`
      : `Verified ${rows} of the log, with the indexes from ${range.start} to before ${range.end}, of ${size.toLocaleString("en")}.`,
    checkpoint === null
      ? "No checkpoint."
      : `Last checkpoint: ${checkpoint.origin}, ${count(checkpoint.size, "row")}, signed by ${checkpoint.key ?? "another key"}.`,
    ...(compared > 0 ? [`Compared with ${count(compared, "given checkpoint")}.`] : []),
    ...(unsigned > 0 ? [`Not signed by a given key yet: ${count(unsigned, "row")}.`] : []),
    ...(unsealed.rows > 0 ? [`Without an index yet: ${count(unsealed.rows, "row")}, since ${unsealed.since}.`] : []),
    ...(late.rows > 0
      ? [
          `Late: ${count(late.rows, "row")}, the first with the index ${late.firstIndex}: more than a minute older than a row before.`,
        ]
      : []),
    ...findings.map(lineOf),
    ...(total > findings.length ? [`  and ${(total - findings.length).toLocaleString("en")} others`] : []),
    verdictOf(result),
  ].join("\n");
}

function verdictOf({ verdict, reason, counts }: LogVerification): string {
  if (verdict === "intact") return "Intact.";
  const kinds = Object.entries(counts).map(([kind, number]) => `${number.toLocaleString("en")} ${kind}`);
  return verdict === "altered" ? `Not intact: ${kinds.join(", ")}.` : `Cannot be told. ${reason}`;
}

const lineOf = ({ kind, index, createdAt, id, detail }: Finding): string =>
  [`  ${kind}`, index === null ? "no index" : `index ${index}`, createdAt, id, detail]
    .filter((part) => part !== null)
    .join("  ");

const count = (number: number, noun: string): string =>
  `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
