/** A zod error map with one message for a missing value, and another one for a value of the wrong type. */
export const missingOr =
  (message: string) =>
  ({ input }: { readonly input: unknown }): string =>
    input === undefined ? "is missing" : message;
