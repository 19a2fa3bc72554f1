import { z } from "zod";
import { userRoles, userStatuses } from "../schema/index.ts";
import { moment, type newAccount, trimAscii, type userBulkChange, userChange, uuid } from "../validation/index.ts";

/** Rows of one call. */
const maxRows = 5_000;

const version = moment("must be the updatedAt that you saw").optional();

export const idInput = z.strictObject({ id: uuid });
export const emailInput = z.strictObject({
  email: z.string().overwrite(trimAscii).max(255, "must be at most 255 characters"),
});
export const usernameInput = z.strictObject({ username: z.string().max(50, "must be at most 50 characters") });

/** Whether a listing contains deleted users: none, also, or only those. */
export const deletedFilter = { deleted: z.enum(["without", "with", "only"]).default("without") };

export const updateInput = z
  .strictObject({ id: uuid.optional(), updatedAt: version, ...userChange.shape })
  .refine(({ id: _, updatedAt: __, ...change }) => Object.values(change).some((value) => value !== undefined), {
    error: "must change at least one of email, username, metadata",
  });

export const statusInput = z.strictObject({
  id: uuid,
  status: z.enum(userStatuses, "must be active, suspended or banned"),
});
export const roleInput = z.strictObject({ id: uuid, role: z.enum(userRoles, "must be user, moderator or admin") });

/**
 * Rows of a bulk call. Only the fields of `shape` are validated here: the bulk pipeline validates the others, so that
 * it can reject single rows.
 */
const rowsInput = <Row>(shape: z.ZodRawShape = {}) =>
  z
    .array(z.looseObject(shape, "must be an object") as unknown as z.ZodType<Row, Row>)
    .min(1, "must have at least one row")
    .max(maxRows, `must have at most ${maxRows} rows: make several calls`);

/** Whether one rejected row rejects them all. */
const atomic = z.boolean().default(true);

export const createManyInput = z.strictObject({ rows: rowsInput<z.input<typeof newAccount>>(), atomic });

export const updateManyInput = z.strictObject({
  rows: rowsInput<{ id: string; updatedAt?: Date | undefined } & z.input<typeof userBulkChange>>({
    id: uuid,
    updatedAt: version,
  }),
  atomic,
});

export const deleteManyInput = z.strictObject({
  ids: z
    .array(uuid)
    .min(1, "must have at least one id")
    .max(maxRows, `must have at most ${maxRows} ids: make several calls`),
  atomic,
});
