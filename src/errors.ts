/**
 * A fault that the operator can correct. The message names the fault, its place and the remedy. It contains no secret, so
 * that a command prints it unchanged.
 */
export abstract class OperatorError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }

  /** Machine-readable details of the error, such as the file and the line. */
  get details(): Readonly<Record<string, unknown>> {
    return {};
  }
}

/**
 * An error of the domain, thrown by the parts below the routers. The routers translate it into the tRPC code of the same
 * meaning, in one place. The message is for the client: it names the field and the remedy, and contains no SQL, no data
 * of other accounts and no secret.
 */
export abstract class DomainError extends Error {
  /** The input field at fault, if there is a single one. */
  readonly field: string | undefined;

  constructor(message: string, options: { field?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.field = options.field;
  }
}

/** The requested object does not exist, or the caller may not see it. */
export class NotFoundError extends DomainError {}

/** The change conflicts with existing data: a name is taken, or the row changed in the meantime. */
export class ConflictError extends DomainError {}

/** The input violates a rule. */
export class InvalidInputError extends DomainError {}

/** The caller is authenticated but lacks the permission. */
export class ForbiddenError extends DomainError {}

/** The caller is not authenticated: the token is missing, invalid or expired. */
export class UnauthenticatedError extends DomainError {}

/** What the caller must do before a call is admitted; clients read it as `reason` of the error. */
export type MissingAuthentication = "recent_authentication" | "password_change" | "enrolment";

/** The caller is authenticated, but not well enough (RFC 9470). */
export class InsufficientAuthenticationError extends DomainError {
  readonly reason: MissingAuthentication;

  constructor(reason: MissingAuthentication, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** The same call may succeed later. Clients read `retryAfter`, also in the header `Retry-After` (RFC 9110, 10.2.3). */
export abstract class RetryableError extends DomainError {
  /** The time after which a repetition may succeed (s). */
  readonly retryAfter: number;

  constructor(message: string, { retryAfter, ...options }: { retryAfter: number; cause?: unknown }) {
    super(message, options);
    this.retryAfter = retryAfter;
  }
}

/** The service cannot answer now. */
export class UnavailableError extends RetryableError {
  /** Whether an operator must act, so that the log reports an error. */
  readonly isFault: boolean;

  constructor(message: string, options: { retryAfter?: number; isFault?: boolean; cause?: unknown } = {}) {
    const { retryAfter = 2, isFault = false, cause } = options;
    super(message, { retryAfter, cause });
    this.isFault = isFault;
  }
}

/** The caller, or all callers together, exceed a limit. */
export class TooManyRequestsError extends RetryableError {}

/** The client has disconnected, and the call was not begun. No client reads this error. */
export class DisconnectedError extends DomainError {}
