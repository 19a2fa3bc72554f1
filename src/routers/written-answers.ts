import superjson from "superjson";
import type { WrittenRow } from "../repositories/index.ts";
import type { Context } from "./context.ts";

/** Returns a row as the answer of a procedure, as the writer of the answer accepts it. */
export const answered = <Row extends object>(row: WrittenRow<Row>, { acceptsWrittenRows }: Context): Row =>
  acceptsWrittenRows ? (row as never) : superjson.deserialize<Row>(JSON.parse(writtenAnswer(row)));

/** Returns the JSON of an answer that is a written row, in superjson's form. */
export function writtenAnswer({ json, dates }: WrittenRow<object>): string {
  let meta = metas.get(dates);
  if (meta === undefined) {
    meta = metaOf(dates);
    metas.set(dates, meta);
  }
  return `{"json":${json}${meta}}`;
}

/** A table has few combinations of dates that are set. */
const metas = new Map<string, string>();

function metaOf(dates: string): string {
  if (dates === "") return "";
  const values = Object.fromEntries(dates.split(",").map((field) => [field, ["Date"]]));
  return `,"meta":${JSON.stringify({ values, v: 1 })}`;
}
