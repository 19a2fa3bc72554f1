/** ISO 8601 and its variants in databases, programs and spreadsheets. A time zone is required. */
const isoVariant =
  /^(?<year>\d{4})(?<mark>[-/])(?<month>\d\d)\k<mark>(?<day>\d\d)(?:T|\s+)(?<hour>\d\d):(?<minute>\d\d)(?::(?<second>\d\d)(?:[.,](?<fraction>\d+))?)?\s*(?<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d(?::\d\d)?)?)(?:\s+(?!BC|AM|PM)[A-Z]{1,5}|\s*[([][\w /+-]+[)\]])?$/i;
/** Date of mail and HTTP (RFC 5322, section 3.3; RFC 9110, section 5.6.7). */
const internetMessageDate =
  /^(?:[a-z]{3}, )?(?<day>\d{1,2}) (?<monthName>[a-z]{3}) (?<year>\d{4}) (?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d) (?<zone>GMT|UTC|[+-]\d{4})$/i;
/** Result of `Date.prototype.toString` in JavaScript. */
const javascriptDate =
  /^[a-z]{3} (?<monthName>[a-z]{3}) (?<day>\d\d) (?<year>\d{4}) (?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d) GMT(?<zone>[+-]\d{4})(?: \([^()]*\))?$/i;

const monthNames = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");

/** A time in ISO 8601 with its zone and at most microseconds, or why a text is not one. */
export type ParsedTimestamp = { readonly timestamp: string } | { readonly message: string };

const expected = "must be a time with its zone, such as 2024-05-31T08:30:00Z";

/**
 * Parses a time. Digits after microseconds are cut off: PostgreSQL stores microseconds, and would round to the nearest
 * one.
 */
export function parseTimestamp(text: string): ParsedTimestamp {
  const given = text.trim();
  if (given.startsWith("0000-00-00"))
    return { message: "is 0000-00-00, which MySQL writes for no time: leave the field empty" };
  const groups = (isoVariant.exec(given) ?? internetMessageDate.exec(given) ?? javascriptDate.exec(given))?.groups;
  if (groups === undefined) return { message: unknownFormat(given) };
  const { year = "", hour = "", minute = "", second = "00", fraction = "", zone = "" } = groups;
  const month = groups["month"] ?? monthNumber(groups["monthName"]);
  const day = groups["day"]?.padStart(2, "0") ?? "";
  if (!isDate(Number(year), Number(month), Number(day)))
    return { message: `is not a date of the calendar: there is no ${year}-${month}-${day}` };
  if (second === "60")
    return { message: "is a leap second, which PostgreSQL does not have: write the second before it" };
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59)
    return { message: `is not a time of day: ${hour}:${minute}:${second}` };
  const offset = offsetOf(zone);
  if (offset === undefined) return { message: "has an unknown time zone: write Z, or an offset such as +02:00" };
  const micros = fraction === "" ? "" : `.${fraction.slice(0, 6)}`;
  const timestamp = `${year}-${month}-${day}T${hour}:${minute}:${second}${micros}${offset}`;
  return isInSupportedYears(timestamp) ? { timestamp } : { message: "must be a time of the years 1 to 9999, in UTC" };
}

/** Why a text in none of the formats is refused. */
function unknownFormat(text: string): string {
  if (/^\d+(?:\.\d+)?$/.test(text)) return `is a number without a unit: it ${expected}`;
  const hasNoZone = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?$/.test(text);
  return hasNoZone ? `is without a zone: it ${expected}` : expected;
}

const monthNumber = (name = ""): string => String(monthNames.indexOf(name.toLowerCase()) + 1).padStart(2, "0");

function isDate(year: number, month: number, day: number): boolean {
  const isLeapYear = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const daysInMonth = [31, isLeapYear ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return day >= 1 && day <= (daysInMonth[month - 1] ?? 0);
}

/** `Z` or `+HH:MM`, with seconds for local mean times; PostgreSQL accepts offsets up to 15:59:59. */
function offsetOf(zone: string): string | undefined {
  if (/^(Z|UTC|GMT)$/i.test(zone)) return "Z";
  const [, sign, hours = "", minutes = "00", seconds = ""] = /^([+-])(\d\d):?(\d\d)?(:\d\d)?$/.exec(zone) ?? [];
  if (sign === undefined || Number(hours) > 15 || Number(minutes) > 59 || seconds > ":59") return undefined;
  return `${sign}${hours}:${minutes}${seconds}`;
}

function isInSupportedYears(timestamp: string): boolean {
  // An offset moves a time by less than a day, so other years cannot leave the range.
  if (!/^(?:0000|0001|9999)/.test(timestamp)) return true;
  const time = Date.parse(timestamp.replace(/([+-]\d\d:\d\d):\d\d$/, "$1"));
  return time >= Date.parse("0001-01-01T00:00:00Z") && time < Date.parse("+010000-01-01T00:00:00Z");
}
