/** A time in the spellings of databases, programs and spreadsheets that name its zone. */
const spelling =
  /^(?<year>\d{4})(?<mark>[-/])(?<month>\d\d)\k<mark>(?<day>\d\d)(?:T|\s+)(?<hour>\d\d):(?<minute>\d\d)(?::(?<second>\d\d)(?:[.,](?<fraction>\d+))?)?\s*(?<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d(?::\d\d)?)?)(?:\s+(?!BC|AM|PM)[A-Z]{1,5}|\s*[([][\w /+-]+[)\]])?$/i;
/** As mail and HTTP write it (RFC 5322, 3.3; RFC 9110, 5.6.7). */
const mail =
  /^(?:[a-z]{3}, )?(?<day>\d{1,2}) (?<monthName>[a-z]{3}) (?<year>\d{4}) (?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d) (?<zone>GMT|UTC|[+-]\d{4})$/i;
/** As JavaScript's Date does. */
const script =
  /^[a-z]{3} (?<monthName>[a-z]{3}) (?<day>\d\d) (?<year>\d{4}) (?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d) GMT(?<zone>[+-]\d{4})(?: \([^()]*\))?$/i;

const months = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");

/** A time as ISO 8601 with its zone, to the microsecond; or why a text is none. */
export type ReadMoment = { readonly moment: string } | { readonly fault: string };

const noTime = "must be a time with its zone, such as 2024-05-31T08:30:00Z";

/**
 * Reads a time. Digits behind microseconds are cut off: PostgreSQL keeps no more, and would round them up into another
 * microsecond.
 */
export function readMoment(text: string): ReadMoment {
  const given = text.trim();
  if (/^0000-00-00/.test(given)) return { fault: "is 0000-00-00, MySQL's word for no time: leave the field empty" };
  const parts = (spelling.exec(given) ?? mail.exec(given) ?? script.exec(given))?.groups;
  if (parts === undefined) {
    if (/^\d+(?:\.\d+)?$/.test(given)) return { fault: `is a number, and no telling of what: it ${noTime}` };
    const bare = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?$/.test(given);
    return { fault: bare ? `is without a zone: it ${noTime}` : noTime };
  }
  const { year = "", day = "", hour = "", minute = "", second = "00", fraction = "", zone = "" } = parts;
  const month = parts["month"] ?? String(months.indexOf(parts["monthName"]?.toLowerCase() ?? "") + 1).padStart(2, "0");
  if (!isDay(Number(year), Number(month), Number(day)))
    return { fault: `is no day of the calendar: there is no ${year}-${month}-${day.padStart(2, "0")}` };
  if (second === "60") return { fault: "is a leap second, which PostgreSQL has none of: write the second before it" };
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59)
    return { fault: `is no time of day: ${hour}:${minute}:${second}` };
  const offset = offsetOf(zone);
  if (offset === undefined) return { fault: "has a zone that there is none: write Z, or an offset such as +02:00" };
  const micros = fraction.slice(0, 6);
  const moment = `${year}-${month}-${day.padStart(2, "0")}T${hour}:${minute}:${second}${micros === "" ? "" : `.${micros}`}${offset}`;
  return isOfYears(moment) ? { moment } : { fault: "must be a time of the years 1 to 9999, in UTC" };
}

function isDay(year: number, month: number, day: number): boolean {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day >= 1 && day <= ([31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0);
}

/** `Z` or `+HH:MM`, with seconds in years before zones; PostgreSQL takes no offset beyond 15:59:59. */
function offsetOf(zone: string): string | undefined {
  if (/^(Z|UTC|GMT)$/i.test(zone)) return "Z";
  const [, sign, hours = "", minutes = "00", seconds = ""] = /^([+-])(\d\d):?(\d\d)?(:\d\d)?$/.exec(zone) ?? [];
  if (sign === undefined || Number(hours) > 15 || Number(minutes) > 59 || seconds > ":59") return undefined;
  return `${sign}${hours}:${minutes}${seconds}`;
}

function isOfYears(iso: string): boolean {
  // An offset moves a time by a day at most.
  if (!/^(?:0000|0001|9999)/.test(iso)) return true;
  const time = Date.parse(iso.replace(/([+-]\d\d:\d\d):\d\d$/, "$1"));
  return time >= Date.parse("0001-01-01T00:00:00Z") && time < Date.parse("+010000-01-01T00:00:00Z");
}
