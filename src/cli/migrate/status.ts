import { type MigrationStatus, status } from "../../migrator/index.ts";
import { duration } from "../duration.ts";
import { printJson } from "../json.ts";
import { failWith } from "./fail.ts";
import { type CommonFlags, withSession } from "./session.ts";

const exitCodes = { current: 0, pending: 1, attention: 2 };

/**
 * `aeturnis-data migrate status`: exits with 0 when all migrations are applied, 1 when some are pending, and 2 when an
 * operator must act or the state cannot be read.
 */
export async function migrateStatus(flags: CommonFlags): Promise<void> {
  try {
    await withSession(flags, async (options) => {
      const found = await status(options);
      if (flags.json) printJson(found);
      else for (const line of lines(found.migrations)) console.log(line);
      process.exitCode ||= exitCodes[found.verdict];
    });
  } catch (error) {
    failWith(error, flags);
    process.exitCode = exitCodes.attention;
  }
}

function lines(migrations: readonly MigrationStatus[]): string[] {
  const width = Math.max(0, ...migrations.map(({ tag }) => tag.length));
  return migrations.map(({ tag, state, appliedAt, duration: ms, note }) => {
    const when = appliedAt === undefined ? "" : `${appliedAt.toISOString().replace("T", " ").slice(0, 19)} UTC`;
    const took = ms === undefined ? "" : `in ${duration(ms)}`;
    return `${tag.padEnd(width)}  ${state.padEnd(8)}  ${when.padEnd(23)}  ${took.padEnd(10)}  ${note ?? ""}`.trimEnd();
  });
}
