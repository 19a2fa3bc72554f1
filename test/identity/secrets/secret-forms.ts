/** A value that may be found only where it belongs. */
export interface Secret {
  readonly name: string;
  /** The texts that reveal it. */
  readonly forms: readonly (string | RegExp)[];
  /** Answers and outputs that give it to its owner, and in which it must be found. */
  readonly delivered: readonly string[];
  /** Columns that may hold it. */
  readonly stored: readonly string[];
}

/** A secret text or secret bytes, as they are and in every usual encoding. */
export function formsOf(value: string | Uint8Array): string[] {
  const bytes = Buffer.from(value as string);
  const texts = typeof value === "string" ? [value, JSON.stringify(value).slice(1, -1), ...urlForms(value)] : [];
  const hex = bytes.toString("hex");
  return [...new Set([...texts, hex, hex.toUpperCase(), bytes.join(), ...base64Forms(bytes)])];
}

const urlForms = (text: string) => [encodeURIComponent(text), new URLSearchParams([["", text]]).toString().slice(1)];

/** Base64 depends on where in the encoded text the value begins. Characters that its neighbours change are left out. */
function base64Forms(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const shifted = Buffer.concat([Buffer.alloc(offset), bytes]);
    const [begin, end] = [Math.ceil((offset * 8) / 6), Math.floor((shifted.length * 8) / 6)];
    return (["base64", "base64url"] as const).map((form) => shifted.toString(form).slice(begin, end));
  });
}

/**
 * A code of six digits, as it is or encoded. The times in a token, which are encoded in Base64, contain any six digits by
 * chance: a part of something longer is no code.
 */
export function codeForms(code: string): (string | RegExp)[] {
  const bytes = Buffer.from(code);
  const alone = [`${code.slice(0, 3)} ?${code.slice(3)}`, bytes.toString("base64")];
  return [...alone.map((form) => new RegExp(`(?<![\\w.])${form}(?!\\w)`)), bytes.toString("hex"), bytes.join()];
}

/** A recovery code with or without hyphens, in any case. */
export const recoveryForms = (code: string): string[] =>
  [code, code.replaceAll("-", "")].flatMap((text) => [...formsOf(text), ...formsOf(text.toLowerCase())]);

/** Whether a text contains one of the forms of a secret. */
export const reveals = (text: string, forms: Secret["forms"]): boolean =>
  forms.some((form) => (typeof form === "string" ? text.includes(form) : form.test(text)));

/** The signature reveals a token, wherever the text is cut before it. */
export const tokenForms = (token: string): string[] => formsOf(token.slice(token.lastIndexOf(".") + 1));
