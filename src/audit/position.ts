import { InvalidInputError } from "../errors.ts";

/** A place in the log of the audit trail: an index, or the first index of a row of a time or later. */
export type LogPosition = { readonly index: number } | { readonly time: Date };

/** A date, or a time with its offset, as ISO 8601 writes them; of the years that a row may have, in milliseconds. */
const isoTime = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/;

/**
 * Reads an index, a date (its beginning in UTC) or a time with its offset.
 *
 * @throws {InvalidInputError}
 */
export function parsePosition(text: string, field: string): LogPosition {
  const index = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(index)) return { index };
  const [, date] = isoTime.exec(text) ?? [];
  const time = new Date(text);
  const year = time.getUTCFullYear();
  if (date !== undefined && isDate(date) && year >= 1 && year <= 9999) return { time };
  throw new InvalidInputError(
    `${field}: must be an index such as 1200, or a time such as 2026-11-28 or 2026-11-28T08:00:00Z.`,
    { field },
  );
}

/** Whether a day exists: JavaScript takes the 31st of November for the 1st of December. */
function isDate(date: string): boolean {
  const day = new Date(`${date}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(date);
}
