import type { Inputs, Outputs } from "../routers/index.ts";
import type { ClientFetch } from "./batching.ts";
import { type StorageEntry, storageEntry, type TokenStorage } from "./token-storage.ts";

type SignedIn = Outputs["auth"]["completeSignIn"];

/** Where a device keeps the refresh token and the device token: in a storage, or in cookies that no script reads. */
export interface TokenKeeping {
  /**
   * What all tabs see of the session: the refresh token, or in its place a mark that changes whenever a tab renews the
   * tokens. Empty when nobody is signed in.
   */
  readonly entry: StorageEntry;
  /** Further input of calls that answer with tokens, or end the session. */
  readonly asked: { cookies?: true };
  signInInput(): Promise<Pick<Inputs["auth"]["signIn"], "deviceToken" | "cookies">>;
  /** @param stored what the entry held */
  refreshInput(stored: string): Inputs["auth"]["refresh"];
  /** What the entry holds after this answer. */
  entryOf(answer: Pick<SignedIn, "refreshToken">): string;
  keepDevice(answer: Pick<SignedIn, "deviceToken">): Promise<void>;
}

/** Keeps the tokens in a storage, which scripts can read. */
export function keepInStorage(storage: TokenStorage, name: string): TokenKeeping {
  const deviceToken = storageEntry(storage, `${name}.device-token`);
  return {
    entry: storageEntry(storage, `${name}.refresh-token`),
    asked: {},
    signInInput: async () => {
      const known = await deviceToken.read();
      return known === undefined ? {} : { deviceToken: known };
    },
    refreshInput: (refreshToken) => ({ refreshToken }),
    entryOf: ({ refreshToken }) => refreshToken ?? "",
    keepDevice: async ({ deviceToken: token }) => {
      if (token !== null) await deviceToken.write(token);
    },
  };
}

/**
 * The entry of a page that has signed out. A missing entry does not mean that: the browser may have dropped it and kept
 * the cookie.
 */
const signedOut = "signed-out";

/** Leaves the tokens to the browser's cookies. Only the mark of the session is in the storage. */
export function keepInCookies(storage: TokenStorage, name: string): TokenKeeping {
  const mark = storageEntry(storage, `${name}.session`);
  const asked = { cookies: true } as const;
  return {
    entry: {
      read: async () => {
        const stored = (await mark.read()) ?? "unknown";
        return stored === signedOut ? undefined : stored;
      },
      write: mark.write,
      // A page that signs out without a connection cannot remove the cookie: the mark keeps it from being used.
      remove: () => mark.write(signedOut),
    },
    asked,
    signInInput: async () => asked,
    refreshInput: () => asked,
    entryOf: () => `signed-in.${crypto.randomUUID()}`,
    keepDevice: async () => {},
  };
}

/** Lets the browser send and accept cookies, also of another host of the site. */
export const withCookies =
  (fetch: ClientFetch = (url, init) => globalThis.fetch(url, init)): ClientFetch =>
  (url, init) =>
    fetch(url, { ...init, credentials: "include" });
