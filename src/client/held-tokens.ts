import { type AccessGrant, accessGrant, monotonicNow, type TokenAnswer } from "./access-grant.ts";
import type { ObservedState } from "./session-state.ts";
import { openTabChannel, type TabMessage } from "./tab-channel.ts";
import type { TokenKeeping } from "./token-keeping.ts";

/** The tokens of a session: the access token in memory and what the storage holds, both known to all tabs. */
export interface HeldTokens {
  /** The latest access token; undefined before the first renewal and after the end of the session. */
  readonly grant: AccessGrant | undefined;
  /** Reads the storage, where another tab may have replaced the entry; undefined if nobody is signed in. */
  stored(): Promise<string | undefined>;
  /** Stores what belongs to tokens that this tab received, and passes them to the other tabs. */
  take(answer: TokenAnswer, requestedAt: number): Promise<AccessGrant>;
  /** Removes the tokens here and in the other tabs. */
  forget(): Promise<void>;
  /** Forgets the access token: the storage says that nobody is signed in any more. */
  clear(): void;
  /** Waits for tokens of another tab, at most this long (ms); at once where no message can arrive. */
  nextMessage(timeout: number): Promise<void>;
  close(): void;
}

export function createHeldTokens({
  keeping: { entry, entryOf },
  state,
  channelName,
}: {
  keeping: TokenKeeping;
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
    const expected = message.kind === "renewed" ? message.stored : undefined;
    for (const pause of storageDelays) {
      await delay(pause);
      const stored = await entry.read();
      if (grant !== before) return;
      if (stored !== expected) continue;
      return hold(message.kind === "renewed" ? accessGrant(message, receivedAt) : undefined);
    }
  };
  // A storage that cannot be read now is read again at the next renewal.
  const channel = openTabChannel(channelName, (message) => void receive(message).catch(() => {}));

  return {
    get grant() {
      return grant;
    },
    stored: () => entry.read(),
    take: async ({ accessToken, expiresIn, stage, session: { userId }, ...answer }, requestedAt) => {
      const shared = { accessToken, stored: entryOf(answer), stage, userId };
      await entry.write(shared.stored);
      const taken = accessGrant({ ...shared, expiresIn }, requestedAt);
      hold(taken);
      channel.post({ kind: "renewed", ...shared, expiresIn: (taken.expiresAt - monotonicNow()) / 1_000 });
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

/**
 * When the storage is read after a message (ms, each after the one before): a browser may deliver the message of another
 * process before that process's change of `localStorage`.
 */
const storageDelays = [0, 10, 50, 250, 1_000, 4_000];

const delay = (ms: number) =>
  new Promise<void>((resolve) => {
    // In Node.js the timer would keep the process alive.
    (setTimeout(resolve, ms) as { unref?: () => void }).unref?.();
  });

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
