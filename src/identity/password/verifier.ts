import type { HashFormatName, ParsedHash } from "../../validation/index.ts";

/** Verifies a password, in UTF-8 or as the client sent it, against a hash of one format. */
export type Verifier<Format extends HashFormatName> = (hash: ParsedHash<Format>, password: Buffer) => Promise<boolean>;

/** One verifier for each format: a format without a verifier does not compile. */
export type Verifiers = { readonly [Format in HashFormatName]: Verifier<Format> };
