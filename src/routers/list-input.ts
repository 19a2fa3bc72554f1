import { z } from "zod";
import { filterSchema, type ListingOf, type ListOptions, pageLimits } from "../query/index.ts";

/** Fields that one order may have. */
const mostKeys = 3;

/** What a listing takes, as its columns say: nothing, or filter, order and page. */
export function listInput<Row>(listing: ListingOf<Row>): z.ZodType<ListOptions<Row>, ListOptions<Row> | undefined> {
  return z.strictObject(listShape(listing)).prefault({}) as never;
}

/** The same for a listing that takes more. */
export function listInputWith<Row, More extends z.ZodRawShape>(
  listing: ListingOf<Row>,
  more: More,
): z.ZodType<
  ListOptions<Row> & z.output<z.ZodObject<More>>,
  (ListOptions<Row> & z.input<z.ZodObject<More>>) | undefined
> {
  return z.strictObject({ ...listShape(listing), ...more }).prefault({} as never) as never;
}

function listShape<Row>(listing: ListingOf<Row>) {
  const fields = Object.entries(listing.columns).flatMap(([name, column]) =>
    column.dataType === "json" || column.dataType === "array" ? [] : [name],
  );
  const sort = z.strictObject({
    field: z.enum(fields, `must be one of ${fields.join(", ")}`),
    direction: z.enum(["asc", "desc"]).default("asc"),
    nulls: z.enum(["first", "last"]).default("last"),
  });
  return {
    where: filterSchema(listing).optional(),
    // Not as a union, whose error would say nothing of what is wrong.
    sort: z
      .preprocess(
        (given) => (Array.isArray(given) ? given : [given]),
        z.array(sort).max(mostKeys, `must have at most ${mostKeys} fields`),
      )
      .optional(),
    limit: z
      .int("must be a whole number")
      .min(1, "must be at least 1")
      .max(pageLimits.max, `must be at most ${pageLimits.max}`)
      .default(pageLimits.default),
    cursor: z.string().max(12_000, "is not one of this service").nullish(),
    page: z.int("must be a whole number").min(1, "must be at least 1").max(1_000_000).optional(),
    total: z.enum(["exact", "estimated", "none"]).default("none"),
  };
}
