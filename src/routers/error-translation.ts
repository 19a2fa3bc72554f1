import { type TRPC_ERROR_CODE_KEY, TRPCError } from "@trpc/server";
import { toDomainError } from "../database/index.ts";
import {
  ConflictError,
  DisconnectedError,
  type DomainError,
  ForbiddenError,
  InsufficientAuthenticationError,
  InvalidInputError,
  NotFoundError,
  TooManyRequestsError,
  UnauthenticatedError,
  UnavailableError,
} from "../errors.ts";

const codes = new Map<unknown, TRPC_ERROR_CODE_KEY>([
  [DisconnectedError, "CLIENT_CLOSED_REQUEST"],
  [NotFoundError, "NOT_FOUND"],
  [ConflictError, "CONFLICT"],
  [InvalidInputError, "BAD_REQUEST"],
  [ForbiddenError, "FORBIDDEN"],
  [InsufficientAuthenticationError, "FORBIDDEN"],
  [UnauthenticatedError, "UNAUTHORIZED"],
  [TooManyRequestsError, "TOO_MANY_REQUESTS"],
  [UnavailableError, "SERVICE_UNAVAILABLE"],
]);

/** Returns the tRPC error with the code of the same meaning. An unexpected error is returned as it is. */
export function translateError(error: TRPCError): TRPCError {
  if (error.cause instanceof SyntaxError)
    return new TRPCError({ code: "PARSE_ERROR", message: "The input is not JSON." });
  const domainError = toDomainError(error.cause);
  return domainError === undefined ? error : fromDomainError(domainError);
}

function fromDomainError(error: DomainError): TRPCError {
  return new TRPCError({
    code: codes.get(error.constructor) ?? "INTERNAL_SERVER_ERROR",
    message: error.message,
    cause: error,
  });
}
