import { z } from "zod";

/** A one-time code, or a recovery code in its place. Both are compared, so that a wrong form is a wrong code. */
const text = z.string("must be a text").max(100, "must be at most 100 characters").optional();

export const factorProofShape = { code: text, recoveryCode: text };

export const hasOneProof = ({ code, recoveryCode }: { code?: unknown; recoveryCode?: unknown }): boolean =>
  (code === undefined) !== (recoveryCode === undefined);

export const oneProof = { error: "must have either code or recoveryCode" };
