import { customType } from "drizzle-orm/pg-core";

/** A timestamp in DateStyle ISO or in JSON. The offset may have minutes and seconds. */
const isoTimestamp =
  /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:Z|([+-])(\d\d)(?::?(\d\d)(?::?(\d\d))?)?)$/;

const first = Date.parse("0001-01-01T00:00:00.000Z");
const last = Date.parse("9999-12-31T23:59:59.999Z");

/**
 * Parses a timestamp of the database and truncates it to milliseconds, the precision of a Date.
 *
 * @throws {RangeError} for any other format (another DateStyle, no offset, BC, infinity), for a date that does not
 *   exist, and for years outside of 1 to 9999
 */
export function parseInstant(text: string): Date {
  return parseUtc(text) ?? parseAny(text);
}

/** The form in which PostgreSQL writes most timestamps of a session in UTC. */
const utcTimestamp = /^[1-9]\d{3}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,6}\+00$/;

/** JavaScript's own parser takes a third of the time. Undefined for any other form, and for a date that does not exist. */
function parseUtc(text: string): Date | undefined {
  if (!utcTimestamp.test(text)) return undefined;
  const moment = new Date(`${text.slice(0, 10)}T${text.slice(11, 23)}Z`);
  return moment.getUTCDate() === Number(text.slice(8, 10)) ? moment : undefined;
}

function parseAny(text: string): Date {
  const parts = isoTimestamp.exec(text);
  if (parts === null) throw new RangeError(`not a timestamp in ISO form with its offset: ${text.slice(0, 50)}`);
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const milliseconds = Number((parts[7] ?? "").slice(0, 3).padEnd(3, "0"));
  const moment = new Date(0);
  // Date.UTC maps the years 0 to 99 to 1900 to 1999.
  moment.setUTCFullYear(year, month - 1, day);
  moment.setUTCHours(hour, minute, second, milliseconds);
  const isReal = moment.getUTCMonth() === month - 1 && moment.getUTCDate() === day && hour < 24;
  const [offsetHours, offsetMinutes, offsetSeconds] = parts.slice(9, 12).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
  ];
  if (!isReal || Math.max(minute, second, offsetMinutes, offsetSeconds) > 59)
    throw new RangeError(`not a moment of the calendar: ${text}`);
  const offset = ((offsetHours * 60 + offsetMinutes) * 60 + offsetSeconds) * 1000;
  return inRange(new Date(moment.getTime() - (parts[8] === "-" ? -offset : offset)));
}

/** Returns the time in ISO 8601, in UTC and with a year of four digits. @throws {RangeError} outside of the years 1 to 9999 */
export const formatInstant = (moment: Date): string => inRange(moment).toISOString();

function inRange(moment: Date): Date {
  const time = moment.getTime();
  if (!(time >= first && time <= last)) throw new RangeError("a time must lie in the years 1 to 9999");
  return moment;
}

/**
 * A `timestamptz` column as a JavaScript `Date` (ms; the column stores µs). Drizzle's own type parses it with
 * `new Date(text)`, which reads 0050-06-15 as 1950 and returns an invalid date for an offset with seconds.
 */
export const instant = customType<{ data: Date; driverData: string }>({
  dataType: () => "timestamp with time zone",
  fromDriver: parseInstant,
  toDriver: formatInstant,
});
