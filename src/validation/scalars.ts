import { z } from "zod";
import { unmapped } from "../ip-address.ts";

/** A UUID of any version, in lower case as PostgreSQL returns it. */
export const uuid = z.guid("must be a UUID").transform((text) => text.toLowerCase());

/** Whether a text is a UUID as PostgreSQL returns it: in lower case. */
export const isUuid = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);

/** A time that JavaScript and PostgreSQL write in the same way: one of the years 1 to 9999. @param message the error's text */
export const moment = (message: string) =>
  z.date(message).min(new Date("0001-01-01"), message).max(new Date("9999-12-31T23:59:59.999Z"), message);

/** An IP address. An IPv4-mapped IPv6 address (RFC 4291, section 2.5.5.2) becomes the IPv4 address. */
export const ipAddress = z.union([z.ipv4(), z.ipv6()], "must be an IP address").transform(unmapped);
