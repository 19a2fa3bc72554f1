import { type AccessGrant, accessGrant, monotonicNow, type TokenAnswer } from "./access-grant.ts";
import type { ObservedState } from "./session-state.ts";
import { openTabChannel, type TabMessage } from "./tab-channel.ts";
import type { StorageEntry } from "./token-storage.ts";

/** The tokens of a session: the access token in memory, the refresh token in the storage, both known to all tabs. */
export interface HeldTokens {
  /** The latest access token; undefined before the first renewal and after the end of the session. */
  readonly grant: AccessGrant | undefined;
  /** Reads the refresh token from the storage, where another tab may have replaced it. */
  storedToken(): Promise<string | undefined>;
  /** Stores tokens that this tab received, and passes them to the other tabs. */
  take(answer: TokenAnswer, requestedAt: number): Promise<AccessGrant>;
  /** Removes the tokens here and in the other tabs. */
  forget(): Promise<void>;
  /** Forgets the access token: the storage has no refresh token any more. */
  clear(): void;
  /** Waits for tokens of another tab, at most this long (ms); at once where no message can arrive. */
  nextMessage(timeout: number): Promise<void>;
  close(): void;
}

export function createHeldTokens({
  entry,
  state,
  channelName,
}: {
  entry: StorageEntry;
  state: ObservedState;
  channelName: string;
}): HeldTokens {
  let grant: AccessGrant | undefined;
  const waiting = new Set<() => void>();

  const hold = (next: AccessGrant | undefined) => {
    grant = next;
    if (next === undefined) state.set({ status: "signedOut" });
    else state.set({ status: "signedIn", stage: next.stage, userId: next.userId });
    for (const resume of waiting) resume();
  };
  const receive = async (message: TabMessage) => {
    const receivedAt = monotonicNow();
    const before = grant;
    const stored = await entry.read();
    if (grant !== before) return;
    if (message.kind === "signedOut" && stored === undefined) hold(undefined);
    if (message.kind === "renewed" && stored === message.refreshToken) hold(accessGrant(message, receivedAt));
  };
  // A storage that cannot be read now is read again at the next renewal.
  const channel = openTabChannel(channelName, (message) => void receive(message).catch(() => {}));

  return {
    get grant() {
      return grant;
    },
    storedToken: () => entry.read(),
    take: async (answer, requestedAt) => {
      await entry.write(answer.refreshToken);
      const taken = accessGrant({ ...answer, userId: answer.session.userId }, requestedAt);
      hold(taken);
      const { accessToken, refreshToken, stage, userId, expiresAt } = taken;
      const expiresIn = (expiresAt - monotonicNow()) / 1_000;
      channel.post({ kind: "renewed", accessToken, refreshToken, stage, userId, expiresIn });
      return taken;
    },
    forget: async () => {
      await entry.remove();
      hold(undefined);
      channel.post({ kind: "signedOut" });
    },
    clear: () => hold(undefined),
    nextMessage: (timeout) => (channel.isOpen ? nextCall(waiting, timeout) : Promise.resolve()),
    close: () => channel.close(),
  };
}

/** Resolves when the function that it adds to the set is called, or after `timeout` ms. */
function nextCall(waiting: Set<() => void>, timeout: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resume(), timeout);
    const resume = () => {
      clearTimeout(timer);
      waiting.delete(resume);
      resolve();
    };
    waiting.add(resume);
  });
}
