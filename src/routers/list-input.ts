import { z } from "zod";
import { filterSchema, type ListingOf, type ListOptions, pageLimits } from "../query/index.ts";

const maxSortFields = 3;

/** The input of a listing: optional filter, order and page, derived from the listing's columns. */
export function listInput<Row>(listing: ListingOf<Row>): z.ZodType<ListOptions<Row>, ListOptions<Row> | undefined> {
  return listInputWith(listing, {}) as never;
}

/** The input of a listing that has further fields of its own. */
export function listInputWith<Row, Fields extends z.ZodRawShape>(
  listing: ListingOf<Row>,
  fields: Fields,
): z.ZodType<
  ListOptions<Row> & z.output<z.ZodObject<Fields>>,
  (ListOptions<Row> & z.input<z.ZodObject<Fields>>) | undefined
> {
  return z
    .strictObject({ ...listShape(listing), ...fields, direction })
    .transform(({ direction: _, ...options }: { direction?: unknown }) => options)
    .prefault({} as never) as never;
}

/**
 * tRPC's React integrations add this field to the input of every infinite query. It has no effect: a cursor already
 * says on which side of it the page is.
 */
const direction = z.enum(["forward", "backward"], "must be forward or backward").optional();

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
    // A union of one and many would report only that no alternative matches.
    sort: z
      .preprocess(
        (sorts) => (Array.isArray(sorts) ? sorts : [sorts]),
        z.array(sort).max(maxSortFields, `must have at most ${maxSortFields} fields`),
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
