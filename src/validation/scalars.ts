import { z } from "zod";
import { unmapped } from "../ip-address.ts";

/** A UUID in the form in which PostgreSQL gives it back. */
export const uuid = z.guid("must be a UUID").transform((text) => text.toLowerCase());

/** A time that both JavaScript and PostgreSQL can write in the same way. @param text what is said of any other */
export const moment = (text: string) =>
  z.date(text).min(new Date("0001-01-01"), text).max(new Date("9999-12-31T23:59:59.999Z"), text);

/** An IPv4 address in the form of IPv6 counts as what it is. */
export const ipAddress = z.union([z.ipv4(), z.ipv6()], "must be an IP address").transform(unmapped);
