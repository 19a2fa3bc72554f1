/** The message of a rule, or that nothing was given: a row without an email does not have one of the wrong kind. */
export const missingOr =
  (message: string) =>
  ({ input }: { readonly input: unknown }): string =>
    input === undefined ? "is missing" : message;
