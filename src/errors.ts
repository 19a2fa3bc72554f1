/**
 * A fault that the operator can mend. The message says what is wrong, where, and the remedy; it holds no secret, so a
 * command prints it as it stands.
 */
export abstract class OperatorError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
  }

  /** What a program reads beside the message, such as the file and the line. */
  get details(): Readonly<Record<string, unknown>> {
    return {};
  }
}

/**
 * What can go wrong, in the words of the domain. Everything below the routers throws these; the
 * routers turn each into the tRPC code of the same meaning, in one place. A message is written for
 * the caller: it names the field and the remedy, and never holds SQL, a value of somebody else's, or
 * a secret.
 */
export abstract class DomainError extends Error {
  /** The input field at fault, if it is one. */
  readonly field: string | undefined;

  constructor(message: string, options: { field?: string | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.field = options.field;
  }
}

/** The thing asked for does not exist, or not for this caller. */
export class NotFoundError extends DomainError {}

/** The change clashes with what is there: a name that is taken, a row changed by somebody faster. */
export class ConflictError extends DomainError {}

/** The input breaks a rule. */
export class InvalidInputError extends DomainError {}

/** The caller is known, but may not do this. */
export class ForbiddenError extends DomainError {}

/** The caller is not known: no token, or one that is not good (any more). */
export class UnauthenticatedError extends DomainError {}

/** The service cannot answer now; the same call may succeed after `retryAfter` seconds. */
export class UnavailableError extends DomainError {
  readonly retryAfter: number;
  /** Whether it is a fault that somebody must mend: the log has it as an error. */
  readonly isFault: boolean;

  constructor(message: string, options: { retryAfter?: number; isFault?: boolean; cause?: unknown } = {}) {
    super(message, options);
    this.retryAfter = options.retryAfter ?? 2;
    this.isFault = options.isFault ?? false;
  }
}
