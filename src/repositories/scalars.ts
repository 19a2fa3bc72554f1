import { z } from "zod";

/** A UUID in the form in which PostgreSQL gives it back. */
export const uuid = z.guid("must be a UUID").transform((text) => text.toLowerCase());

/** A time that both JavaScript and PostgreSQL can write in the same way. @param text what is said of any other */
export const moment = (text: string) =>
  z.date(text).min(new Date("0001-01-01"), text).max(new Date("9999-12-31T23:59:59.999Z"), text);
