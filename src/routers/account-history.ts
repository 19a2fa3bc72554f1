import type { ListOptions, Page } from "../query/index.ts";
import { type AuditEntry, type AuditLogRepository, auditListing } from "../repositories/index.ts";
import { uuid } from "../validation/index.ts";
import { listInputWith } from "./list-input.ts";

/** Without `id`: the caller's own account. */
export const accountHistoryInput = listInputWith(auditListing, { id: uuid.optional() });

/** Where somebody is, which a player does not learn of a moderator. */
const origin = ["ipAddress", "userAgent"] as const;

/**
 * The rows about an account.
 *
 * @param isPlayer whether the caller is a player, who learns only of its own actions where they came from
 */
export async function readAccountHistory(
  audit: AuditLogRepository,
  { ownerId, where = {}, ...options }: ListOptions<AuditEntry> & { readonly ownerId: string },
  isPlayer: boolean,
): Promise<Page<AuditEntry>> {
  // A filter or an order by what is not shown would tell it.
  const asked = JSON.stringify({ where, sort: options.sort });
  const isByOrigin = isPlayer && origin.some((field) => asked.includes(field));
  const page = await audit.list({
    ...options,
    where: { and: [{ subjectId: ownerId }, isByOrigin ? { actingId: ownerId } : {}, where] },
  });
  if (!isPlayer) return page;
  const hidden = { ipAddress: null, userAgent: null };
  return { ...page, items: page.items.map((entry) => (entry.actingId === ownerId ? entry : { ...entry, ...hidden })) };
}
