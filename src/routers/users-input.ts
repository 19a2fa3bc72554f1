import { z } from "zod";
import { userRoles, userStatuses } from "../schema/index.ts";
import { uuid as id, moment, type newUser, trimAscii, type userBulkChange, userChange } from "../validation/index.ts";

/** Rows that one call may bring. */
const mostRows = 5_000;

const version = moment("must be the updatedAt that you saw").optional();

export const userId = z.strictObject({ id });
export const userEmail = z.strictObject({
  email: z.string().overwrite(trimAscii).max(255, "must be at most 255 characters"),
});
export const userName = z.strictObject({ username: z.string().max(50, "must be at most 50 characters") });

/** Whether a listing takes softly deleted users along, or has no others. */
export const deletedToo = { deleted: z.enum(["without", "with", "only"]).default("without") };

const somethingChanged = (fields: string) => ({
  error: `must change at least one of ${fields}`,
});

export const ownChange = z
  .strictObject({ id: id.optional(), updatedAt: version, ...userChange.shape })
  .refine(
    ({ id: _, updatedAt: __, ...change }) => Object.values(change).some((value) => value !== undefined),
    somethingChanged("email, username, metadata"),
  );

export const newStatus = z.strictObject({ id, status: z.enum(userStatuses, "must be active, suspended or banned") });
export const newRole = z.strictObject({ id, role: z.enum(userRoles, "must be user, moderator or admin") });

/** What a row changes is looked over later, so that each can be refused by itself; whose it is, is said here. */
const rowsOf = <Row>(shape: z.ZodRawShape = {}) =>
  z
    .array(z.looseObject(shape, "must be an object") as unknown as z.ZodType<Row, Row>)
    .min(1, "must have at least one row")
    .max(mostRows, `must have at most ${mostRows} rows: make several calls`);

/** All or none (the default), or those that can be written. */
const atomic = z.boolean().default(true);

export const newUsers = z.strictObject({ rows: rowsOf<z.input<typeof newUser>>(), atomic });

export const userChanges = z.strictObject({
  rows: rowsOf<{ id: string; updatedAt?: Date | undefined } & z.input<typeof userBulkChange>>({
    id,
    updatedAt: version,
  }),
  atomic,
});

export const userIds = z.strictObject({
  ids: z
    .array(id)
    .min(1, "must have at least one id")
    .max(mostRows, `must have at most ${mostRows} ids: make several calls`),
  atomic,
});
