import { type Filter, filterSchema } from "../../query/index.ts";
import { type AuditEntry, auditListing } from "../../repositories/index.ts";
import { UsageError } from "../failure.ts";
import { visible } from "../result.ts";

/** The filter of an option `--where`: JSON, in which times are texts. @throws {UsageError} */
export function parseFilter(text: string): Filter<AuditEntry> {
  const dates = (value: unknown, isTime = false): unknown => {
    if (isTime && typeof value === "string") return new Date(value);
    if (Array.isArray(value)) return value.map((item) => dates(item, isTime));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, dates(item, isTime || name === "createdAt")]),
    );
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UsageError('--where is not JSON, such as {"action":{"like":"trade.*"}}.');
  }
  const { data, error } = filterSchema(auditListing).safeParse(dates(value));
  if (error === undefined) return data;
  const [issue] = error.issues;
  throw new UsageError(`--where: ${[issue?.path.join("."), issue?.message].filter(Boolean).join(": ")}`);
}

/** A row of the audit trail as one line. */
export function entryText({ createdAt, actor, action, resourceType, resourceId, changes }: AuditEntry): string {
  const resource = [resourceType, resourceId].filter((part) => part !== null).join("/");
  return [createdAt.toISOString(), actor, action, resource, changes === null ? "" : JSON.stringify(changes)]
    .filter((part) => part !== "")
    .map(visible)
    .join("  ");
}
