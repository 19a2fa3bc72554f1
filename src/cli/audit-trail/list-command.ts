import type { Repositories } from "../../repositories/index.ts";
import { isUuid } from "../../validation/index.ts";
import { findAccount } from "../account.ts";
import { withDatabase } from "../database.ts";
import { UsageError } from "../failure.ts";
import { readListing } from "../pages.ts";
import { printResult } from "../result.ts";
import { entryText, parseFilter } from "./entries.ts";

interface ListFlags {
  readonly user?: string;
  readonly where?: string;
  readonly limit: string;
  readonly json: boolean;
}

/** `aeturnis-data audit list`: rows of the audit trail, the newest first. @throws {NotFoundError} for an unknown user */
export function auditList({ user, where, limit: text, json }: ListFlags): Promise<void> {
  return printResult(
    () => {
      const limit = Number(text);
      if (!/^\d{1,6}$/.test(text) || limit === 0) throw new UsageError("--limit must be a number from 1 to 999999.");
      const filter = where === undefined ? {} : parseFilter(where);
      return withDatabase(async ({ repositories }) => {
        const about = user === undefined ? {} : { subjectId: await subjectOf(repositories, user) };
        const where = { and: [about, filter] };
        return { rows: await readListing((options) => repositories.audit.list(options), { where, limit }) };
      });
    },
    { json, textOf: ({ rows }) => (rows.length === 0 ? "No rows." : rows.map(entryText).join("\n")) },
  );
}

/** The account that rows are about. It may be deleted, also from the table. */
const subjectOf = async ({ users }: Repositories, named: string): Promise<string> =>
  isUuid(named.toLowerCase()) ? named : (await findAccount(users.withVisibility("with"), named)).id;
