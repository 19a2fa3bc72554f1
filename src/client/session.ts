import type { Inputs, Outputs } from "../routers/index.ts";
import { monotonicNow } from "./access-grant.ts";
import { type Client, type ClientOptions, createClient } from "./client.ts";
import { prepareCredentialCalls } from "./credential-calls.ts";
import { createHeldTokens } from "./held-tokens.ts";
import { restoreSession } from "./session-restoration.ts";
import { observedState, type SessionState } from "./session-state.ts";
import { renewStage } from "./stage-renewal.ts";
import { browserLocks, type SessionLocks, tabLock } from "./tab-lock.ts";
import { createTokenRenewal, isSessionOver, type RenewTokens } from "./token-renewal.ts";
import { storageEntry, type TokenStorage } from "./token-storage.ts";

export interface SessionOptions extends Pick<ClientOptions, "url" | "headers" | "fetch" | "links" | "maxRetries"> {
  /** Keeps the refresh token and the device token: `localStorage`, or the keychain of a launcher. */
  readonly storage: TokenStorage;
  /** Begins the keys in the storage, and names the lock and the channel of the tabs; `aeturnis-data` unless given. */
  readonly name?: string;
  /** Replaces `navigator.locks`. With null, tabs do not wait for each other. */
  readonly locks?: SessionLocks | null;
}

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
  signIn(input: Omit<Inputs["auth"]["signIn"], "deviceToken" | "ipAddress">): Promise<SignInResult>;
  /**
   * Completes a sign-in by the `challenge` and a `code` or a `recoveryCode`.
   *
   * @throws {ClientError} UNAUTHORIZED for a wrong code, and for a challenge that has expired
   */
  completeSignIn(input: Omit<Inputs["auth"]["completeSignIn"], "ipAddress">): Promise<CompletedSignIn>;
  /**
   * Signs out of this session, of the `others` of the account, or of `all`. This device forgets its tokens even if the
   * service does not answer a sign-out of `this`; the session then ends later, for want of use.
   *
   * @throws {ClientError} FORBIDDEN with the reason `recent_authentication` for `others` and `all`: call
   *   `client.auth.reauthenticate` first
   */
  signOut(scope: Inputs["auth"]["signOut"]["scope"]): Promise<void>;
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
 * const session = createSession({ url: "https://data.game.example/trpc", storage: localStorage });
 * session.subscribe((state) => render(state));
 * await session.signIn({ login: "Mira", password });
 * const user = await session.client.users.me.query();
 */
export function createSession(options: SessionOptions): ClientSession {
  const { storage, name = "aeturnis-data", locks = browserLocks(), links = [], ...clientOptions } = options;
  const state = observedState({ status: "restoring" });
  const deviceToken = storageEntry(storage, `${name}.device-token`);
  const held = createHeldTokens({ entry: storageEntry(storage, `${name}.refresh-token`), state, channelName: name });
  const lock = tabLock(locks ?? undefined, name);
  const withoutToken = createClient({ ...clientOptions, links });
  const renew = createTokenRenewal({
    held,
    lock,
    exchange: (refreshToken) =>
      withoutToken.auth.refresh.mutate({ refreshToken }, { signal: AbortSignal.timeout(refreshTimeout) }),
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
    const { accessToken, expiresIn, refreshToken, deviceToken: device, ...rest } = answer;
    await deviceToken.write(device);
    await lock(() => held.take(answer, requestedAt));
    return rest;
  };
  const stopRestoring = restoreSession({ renew, isRestored: () => state.current.status !== "restoring" });

  return {
    client,
    get state() {
      return state.current;
    },
    subscribe: state.subscribe,
    signIn: async (input) => {
      const known = await deviceToken.read();
      const requestedAt = monotonicNow();
      const answer = await withoutToken.auth.signIn.mutate({ ...input, ...(known && { deviceToken: known }) });
      return "challenge" in answer ? answer : keep(answer, requestedAt);
    },
    completeSignIn: async (input) => {
      const requestedAt = monotonicNow();
      return keep(await withoutToken.auth.completeSignIn.mutate(input), requestedAt);
    },
    signOut: async (scope) => {
      let isEnded = scope === "this";
      try {
        await client.auth.signOut.mutate({ scope });
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
