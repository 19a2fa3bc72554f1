import { findCheckpointFileProblems } from "../../audit/index.ts";
import {
  type AuditOrder,
  type AuditRunway,
  findAuditProblems,
  readAuditOrder,
  readAuditRunway,
} from "../../database/index.ts";
import type { AuditPartition } from "../../repositories/index.ts";
import { withDatabase } from "../database.ts";
import { readCheckpointFile } from "../environment.ts";
import { printJson } from "../json.ts";

interface AuditStatus {
  readonly runway: AuditRunway;
  readonly partitions: readonly AuditPartition[];
  readonly order: AuditOrder;
  readonly problems: readonly string[];
}

/** `aeturnis-data audit status`. Exit code: 1 if there is a problem. */
export async function auditStatus({ json }: { readonly json: boolean }): Promise<void> {
  const file = readCheckpointFile();
  const status = await withDatabase(async ({ db, repositories }): Promise<AuditStatus> => {
    const problems = await findAuditProblems(db);
    const fileProblems = file === undefined ? [] : await findCheckpointFileProblems(db, file);
    return {
      runway: await readAuditRunway(db),
      partitions: await repositories.audit.partitions(),
      order: await readAuditOrder(db),
      problems: [...problems.map(({ problem }) => problem), ...fileProblems],
    };
  });
  if (json) printJson(status);
  else console.log(textOf(status));
  if (status.problems.length > 0) process.exitCode ??= 1;
}

function textOf({ runway, partitions, order, problems }: AuditStatus): string {
  const size = partitions.reduce((sum, { bytes }) => sum + bytes, 0);
  const months = runway.monthsAhead === 1 ? "1 month" : `${runway.monthsAhead} months`;
  return [
    `Months with a partition: until ${runway.endsAt.slice(0, 10)}, ${months} after the current one.`,
    `Partitions: ${partitions.length}, ${mebibytes(size)} with their indexes.`,
    ...partitions.filter(({ rows }) => rows !== null && rows > 0).map(lineOf),
    `Rows with their index in the log: ${order.size.toLocaleString("en")}.${waitingOf(order)}`,
    problems.length === 0 ? "No problems." : "Problems:",
    ...problems.map((problem) => `  ${problem}`),
  ].join("\n");
}

/** What rows wait for. A row is without an index for 0.2 s, and for as long as a transaction that began earlier is open. */
function waitingOf({ waitingSince, heldBy }: AuditOrder): string {
  if (waitingSince === null) return "";
  const since = ` Others wait since ${waitingSince}`;
  if (heldBy === null) return `${since}.`;
  const { kind, pid, gid, role, database, since: begun } = heldBy;
  const name = kind === "prepared" ? `prepared transaction ${gid}` : `transaction of pid ${pid}`;
  return `${since}, for the ${name} (role ${role}, database ${database}), open ${begun === null ? "" : `since ${begun} `}and writing.`;
}

const lineOf = ({ name, rows, bytes }: AuditPartition): string =>
  `  ${name}: about ${rows?.toLocaleString("en")} rows, ${mebibytes(bytes)}`;

const mebibytes = (bytes: number): string =>
  `${(bytes / 2 ** 20).toLocaleString("en", { maximumFractionDigits: 1 })} MiB`;
