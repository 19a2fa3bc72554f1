/** How an event of authentication is logged. */
interface Logging {
  readonly message: string;
  readonly level: "info" | "warn";
  /**
   * What has at most one line a minute: an account, or the address where no account is known; a network; the process.
   * Undefined for events whose number another limit bounds: each has a line.
   */
  readonly sampledBy?: "account" | "network" | "process";
}

/** Every event of authentication. The name is the key of its counter and the field `event` of its lines. */
const events = {
  /** A session began. The audit trail records it. */
  sign_in_completed: undefined,
  /** Not in the audit trail. Without a completion somebody else knows the password. */
  sign_in_challenged: {
    message: "password right, and a second factor is required",
    level: "info",
    sampledBy: "account",
  },
  /** The owner of a session proved their password or second factor again. The audit trail records it. */
  reauthenticated: undefined,
  /** A refresh token was rotated. */
  refresh_rotated: undefined,
  /** The predecessor of the current refresh token gave the same successor. The audit trail records late ones. */
  refresh_replayed: undefined,

  /** There is no account of this email or username. */
  unknown_name: { message: "sign-in refused: unknown name", level: "info", sampledBy: "account" },
  /** Bounded by the tickets of the account. */
  wrong_password: { message: "password refused: it is wrong", level: "info" },
  /** A password that was not checked. */
  account_locked: { message: "password not checked: the account is locked", level: "info", sampledBy: "account" },
  /** The password was right, and the account is suspended or banned. */
  account_inactive: { message: "sign-in refused: the account is not active", level: "info", sampledBy: "account" },
  /** A password that was not checked, because its address or network had too many failures or accounts. */
  address_limited: {
    message: "password not checked: too many sign-ins from this address or network",
    level: "info",
    sampledBy: "network",
  },
  /** Bounded by the attempts of the account. */
  wrong_code: { message: "second factor refused: the code is wrong or was used already", level: "info" },
  /** A code that was not checked. */
  code_locked: { message: "second factor not checked: too many codes", level: "info", sampledBy: "account" },
  /** The second step of a sign-in that has expired, was completed or never began. */
  challenge_refused: { message: "second factor not checked: no such sign-in", level: "info", sampledBy: "account" },
  /** The token is not valid, or its session has ended. */
  refresh_refused: { message: "refresh refused", level: "info", sampledBy: "account" },
  /** An old refresh token ended its session: one of its two holders is not the owner (RFC 9700, 4.14.2). */
  refresh_token_reused: { message: "an old refresh token was used, and its session is ended", level: "warn" },
  /** The queue of hash computations was full. */
  password_queue_full: {
    message: "too many passwords wait for their computation, and further ones are refused",
    level: "warn",
    sampledBy: "process",
  },
} as const satisfies Readonly<Record<string, Logging | undefined>>;

export type AuthenticationEvent = keyof typeof events;

export const authenticationEvents = Object.keys(events) as readonly AuthenticationEvent[];

/** How an event is logged; undefined for one that is only counted. */
export const loggingOf = (event: AuthenticationEvent): Logging | undefined => events[event];
