import { z } from "zod";
import { parsePosition } from "../audit/index.ts";

/** A place in the log of the audit trail, if the input has one. */
export const positionInput = (field: "from" | "to") =>
  z
    .union([z.string(), z.number()])
    .transform((value) => parsePosition(String(value), field))
    .optional();
