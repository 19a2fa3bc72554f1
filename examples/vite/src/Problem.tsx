import { isClientError } from "aeturnis-data-client";

/** Tells why a call was refused, in the words of the service, or that no answer arrived. */
export function Problem({ error }: { error: unknown }) {
  if (!error) return null;
  const isRefused = isClientError(error) && error.data !== undefined;
  return <p role="alert">{isRefused ? error.message : "The service does not answer. Try again."}</p>;
}
