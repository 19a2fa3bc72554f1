import { z } from "zod";
import { isAscii, trimAscii } from "./ascii.ts";
import { missingOr } from "./missing.ts";

/** Longest parts of an address (octets; RFC 5321, section 4.5.3.1), and the length of the column for the address. */
const maxLength = { local: 64, label: 63, domain: 255, address: 255 } as const;

/** `Dot-string` (RFC 5321, section 4.1.2). */
const dotString = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/i;
/** Other local parts that mail servers have assigned, such as quoted ones or ones with two dots. */
const printable = /^[!-?A-~]+$/;
const label = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/i;
const addressLiteral = /^\[(?:\d{1,3}(?:\.\d{1,3}){3}|ipv6:[0-9a-f:.]+)\]$/i;

/**
 * Schema of an email address. It returns the address in lower case and without ASCII spaces around it, which is the
 * stored form. It validates before it converts: U+212A (KELVIN SIGN) becomes a k, and so another person's address.
 *
 * @param options.existing true: also accepts forms that exist but that a new account must not have: a quoted local part,
 *   a domain without a dot, an IP address as the domain
 */
export function emailRule({ existing }: { existing: boolean }) {
  return z
    .string({ error: missingOr("must be a text") })
    .overwrite(trimAscii)
    .max(maxLength.address, { error: `must be at most ${maxLength.address} characters`, abort: true })
    .superRefine((text, context) => {
      const message = messageFor(text, { existing });
      if (message !== undefined) context.addIssue({ code: "custom", message });
    })
    .toLowerCase();
}

const notAnAddress = "must be an email address, such as mira@example.com";

/** Why a text is not accepted; undefined if it is. */
function messageFor(text: string, { existing }: { existing: boolean }): string | undefined {
  const at = text.lastIndexOf("@");
  const [local, domain] = [text.slice(0, at), text.slice(at + 1)];
  if (at < 1 || domain === "") return notAnAddress;
  if (!isAscii(domain)) return "must have its domain in ASCII: write bücher.example as xn--bcher-kva.example";
  if (!isAscii(local))
    return "must be of ASCII in front of the @: letters such as ö, or that look like others, are not accepted";
  if (local.length > maxLength.local) return `must have at most ${maxLength.local} characters in front of the @`;
  if (!dotString.test(local) && !(existing && printable.test(local))) return notAnAddress;
  if (existing && addressLiteral.test(domain)) return undefined;
  const labels = domain.split(".");
  if (labels.some((part) => part.length > maxLength.label))
    return `must have at most ${maxLength.label} characters between the dots of its domain`;
  if (!labels.every((part) => label.test(part))) return notAnAddress;
  if (existing) return undefined;
  // A top-level domain contains a letter (RFC 3696, section 2).
  const hasTopLevelDomain = labels.length > 1 && /^(?:[a-z]{2,}|xn--[a-z0-9-]+)$/i.test(labels.at(-1) ?? "");
  return hasTopLevelDomain ? undefined : notAnAddress;
}
