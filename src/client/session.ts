import type { Inputs, Outputs } from "../routers/index.ts";
import { monotonicNow } from "./access-grant.ts";
import { type Client, type ClientOptions, createClient } from "./client.ts";
import { prepareCredentialCalls } from "./credential-calls.ts";
import { createHeldTokens } from "./held-tokens.ts";
import { restoreSession } from "./session-restoration.ts";
import { observedState, type SessionState } from "./session-state.ts";
import { renewStage } from "./stage-renewal.ts";
import { browserLocks, type SessionLocks, tabLock } from "./tab-lock.ts";
import { keepInCookies, keepInStorage, withCookies } from "./token-keeping.ts";
import { createTokenRenewal, isSessionOver, type RenewTokens } from "./token-renewal.ts";
import { browserStorage, type TokenStorage } from "./token-storage.ts";

interface CommonOptions extends Pick<ClientOptions, "url" | "headers" | "fetch" | "links" | "maxRetries"> {
  /** Begins the keys in the storage, and names the lock and the channel of the tabs; `aeturnis-data` unless given. */
  readonly name?: string;
  /** Replaces `navigator.locks`. With null, tabs do not wait for each other. */
  readonly locks?: SessionLocks | null;
}

interface StorageOptions extends CommonOptions {
  /** Keeps the refresh token and the device token: the keychain of a launcher. */
  readonly storage: TokenStorage;
  readonly cookies?: false;
}

interface CookieOptions extends CommonOptions {
  /**
   * Leaves the refresh token and the device token to the cookies of the browser, which no script reads. The service needs the
   * page's origin in CORS_ORIGINS, and page and service must be of one site, such as `game.example` and `data.game.example`.
   */
  readonly cookies: true;
  /** Tells the tabs whether a player is signed in; `localStorage` unless given. It holds no token. */
  readonly storage?: TokenStorage;
}

export type SessionOptions = StorageOptions | CookieOptions;

type SignedInAnswer = Outputs["auth"]["completeSignIn"];

/** The answer of a sign-in, without the tokens, which the session keeps. */
export type CompletedSignIn = Omit<SignedInAnswer, "accessToken" | "expiresIn" | "refreshToken" | "deviceToken">;

/** A completed sign-in, or the challenge for the second factor. */
export type SignInResult = CompletedSignIn | Extract<Outputs["auth"]["signIn"], { challenge: string }>;

/** A player's session, which outlives the program and is shared by all tabs. */
export interface ClientSession {
  /** Calls the service for the player who is signed in, or anonymously. */
  readonly client: Client;
  readonly state: SessionState;
  /** Calls the listener after each change of the state, until the returned function is called. */
  subscribe(listener: (state: SessionState) => void): () => void;
  /**
   * Signs in, in all tabs; or returns `{ challenge, factors }`, if the account has a second factor.
   *
   * @throws {ClientError} UNAUTHORIZED for a wrong name or password; TOO_MANY_REQUESTS with `retryAfter`
   */
  signIn(input: Pick<Inputs["auth"]["signIn"], "login" | "password">): Promise<SignInResult>;
  /**
   * Completes a sign-in by the `challenge` and a `code` or a `recoveryCode`.
   *
   * @throws {ClientError} UNAUTHORIZED for a wrong code, and for a challenge that has expired
   */
  completeSignIn(input: Omit<Inputs["auth"]["completeSignIn"], "ipAddress" | "cookies">): Promise<CompletedSignIn>;
  /**
   * Signs out of this session, of the `others` of the account, or of `all`. This device forgets its tokens even if the
   * service does not answer a sign-out of `this`; the session then ends later, for want of use.
   *
   * @throws {ClientError} FORBIDDEN with the reason `recent_authentication` for `others` and `all`: call
   *   `client.auth.reauthenticate` first
   */
  signOut(scope: SignOutScope): Promise<void>;
  /** Ends the use of the session in this tab. The player stays signed in. */
  close(): void;
}

/**
 * Keeps a player signed in. The access token is in memory only; it is renewed by the call that finds it near its end or
 * refused. Idle tabs renew nothing, so that a session without use ends as the service demands.
 *
 * Only the service ends a session. While the network or the service is down, the tokens are kept.
 *
 * @example
 * const session = createSession({ url: "https://data.game.example/trpc", cookies: true });
 * session.subscribe((state) => render(state));
 * await session.signIn({ login: "Mira", password });
 * const user = await session.client.users.me.query();
 */
export function createSession(options: SessionOptions): ClientSession {
  const { storage, cookies, name = "aeturnis-data", locks = browserLocks(), links = [], ...others } = options;
  const keeping = cookies ? keepInCookies(storage ?? browserStorage(), name) : keepInStorage(options.storage, name);
  const state = observedState({ status: "restoring" });
  const held = createHeldTokens({ keeping, state, channelName: name });
  const lock = tabLock(locks ?? undefined, name);
  const clientOptions = cookies ? { ...others, fetch: withCookies(others.fetch) } : others;
  const withoutToken = createClient({ ...clientOptions, links });
  const withHeldToken = createClient({ ...clientOptions, links, token: () => held.grant?.accessToken });
  const renew = createTokenRenewal({
    held,
    lock,
    exchange: (stored) => withoutToken.auth.refresh.mutate(keeping.refreshInput(stored), within(refreshTimeout)),
  });
  const client = createClient({
    ...clientOptions,
    links: [
      ...links,
      prepareCredentialCalls(renew),
      renewStage({
        isLimited: () => state.current.status === "signedIn" && state.current.stage !== "full",
        renew: () => void renew().catch(ignore),
      }),
    ],
    token: () => currentToken({ held, state, renew }),
    onUnauthorized: async () => (await renew()) !== undefined,
  });
  const keep = async (answer: SignedInAnswer, requestedAt: number) => {
    const { accessToken, expiresIn, refreshToken, deviceToken, ...rest } = answer;
    await keeping.keepDevice(answer);
    await held.take(answer, requestedAt);
    return rest;
  };
  // In turn with renewals of all tabs, so that the browser receives cookies in the order in which the service sent them.
  const endSession = (scope: SignOutScope) =>
    lock(() => withHeldToken.auth.signOut.mutate({ scope, ...keeping.asked }, within(refreshTimeout)));
  const stopRestoring = restoreSession({ renew, isRestored: () => state.current.status !== "restoring" });

  return {
    client,
    get state() {
      return state.current;
    },
    subscribe: state.subscribe,
    signIn: (input) =>
      lock(async () => {
        const known = await keeping.signInInput();
        const requestedAt = monotonicNow();
        const answer = await withoutToken.auth.signIn.mutate({ ...input, ...known }, within(signInTimeout));
        return "challenge" in answer ? answer : keep(answer, requestedAt);
      }),
    completeSignIn: (input) =>
      lock(async () => {
        const requestedAt = monotonicNow();
        const answer = await withoutToken.auth.completeSignIn.mutate(
          { ...input, ...keeping.asked },
          within(signInTimeout),
        );
        return keep(answer, requestedAt);
      }),
    signOut: async (scope) => {
      let isEnded = scope === "this";
      try {
        await currentToken({ held, state, renew });
        await endSession(scope).catch(async (error: unknown) => {
          // After a sleep of the device, the access token is older than it seems.
          if (!isSessionOver(error) || (await renew()) === undefined) throw error;
          return endSession(scope);
        });
        isEnded = scope !== "others";
      } catch (error) {
        if (!isSessionOver(error)) throw error;
      } finally {
        if (isEnded) await lock(held.forget);
      }
    },
    close: () => {
      stopRestoring();
      held.close();
    },
  };
}

type SignOutScope = Inputs["auth"]["signOut"]["scope"];

const within = (timeout: number) => ({ signal: AbortSignal.timeout(timeout) });

/** How long a tab waits for the tokens of a sign-in, while the others wait to renew theirs (ms). */
const signInTimeout = 30_000;

/** How long a tab keeps the others waiting for an answer of the service (ms). */
const refreshTimeout = 15_000;

const ignore = () => {};

/** Returns the access token for a request; undefined if nobody is signed in. */
async function currentToken(parts: {
  held: { grant: { accessToken: string; renewAt: number; expiresAt: number } | undefined };
  state: { current: SessionState };
  renew: RenewTokens;
}): Promise<string | undefined> {
  const { held, state, renew } = parts;
  if (state.current.status === "signedOut") return undefined;
  const now = monotonicNow();
  const { grant } = held;
  if (grant === undefined || now >= grant.expiresAt) return (await renew())?.accessToken;
  // The call need not wait: the token is still good.
  if (now >= grant.renewAt) renew().catch(ignore);
  return grant.accessToken;
}
