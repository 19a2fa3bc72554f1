import { z } from "zod";
import { isAscii, trimAscii } from "./ascii.ts";
import { missingOr } from "./missing.ts";

/** RFC 5321, 4.5.3.1: octets of what stands before the @, of a label and of a domain; the column has 255 in all. */
const limits = { local: 64, label: 63, domain: 255, whole: 255 } as const;

/** RFC 5321, 4.1.2: `Dot-string`; and what mail servers gave out beside, such as quoted ones, or with two dots. */
const dotString = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/i;
const printable = /^[!-?A-~]+$/;
const label = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/i;
const addressLiteral = /^\[(?:\d{1,3}(?:\.\d{1,3}){3}|ipv6:[0-9a-f:.]+)\]$/i;

/**
 * An email address, in lower case and without spaces around it: that is how it is kept. Looked over before it is put
 * into lower case: U+212A (KELVIN SIGN) would become a k, and the address another person's.
 *
 * @param options.existing also forms that are in use and nobody should choose: quoted, without a dot in the domain, with
 *   an address in its place
 */
export function emailRule({ existing }: { existing: boolean }) {
  return z
    .string({ error: missingOr("must be a text") })
    .overwrite(trimAscii)
    .max(limits.whole, { error: `must be at most ${limits.whole} characters`, abort: true })
    .superRefine((text, context) => {
      const message = faultOf(text, existing);
      if (message !== undefined) context.addIssue({ code: "custom", message });
    })
    .toLowerCase();
}

const noAddress = "must be an email address, such as mira@example.com";

function faultOf(text: string, existing: boolean): string | undefined {
  const at = text.lastIndexOf("@");
  const [local, domain] = [text.slice(0, at), text.slice(at + 1)];
  if (at < 1 || domain === "") return noAddress;
  if (!isAscii(domain)) return "must have its domain in ASCII: write bücher.example as xn--bcher-kva.example";
  if (!isAscii(local))
    return "must be of ASCII in front of the @: letters such as ö, or that look like others, are not taken";
  if (local.length > limits.local) return `must have at most ${limits.local} characters in front of the @`;
  if (!dotString.test(local) && !(existing && printable.test(local))) return noAddress;
  if (existing && addressLiteral.test(domain)) return undefined;
  const labels = domain.split(".");
  if (labels.some((part) => part.length > limits.label))
    return `must have at most ${limits.label} characters between the dots of its domain`;
  if (!labels.every((part) => label.test(part))) return noAddress;
  if (existing) return undefined;
  // A top-level domain is no number (RFC 3696, 2).
  return labels.length < 2 || !/^(?:[a-z]{2,}|xn--[a-z0-9-]+)$/i.test(labels.at(-1) ?? "") ? noAddress : undefined;
}
