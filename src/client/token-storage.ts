/**
 * Keeps texts beyond the life of the program. `localStorage` is one; a launcher gives one that writes to the keychain of
 * the system. Tabs that share a session must share the storage.
 */
export interface TokenStorage {
  getItem(key: string): StoredText | Promise<StoredText>;
  setItem(key: string, value: string): void | Promise<void>;
  removeItem(key: string): void | Promise<void>;
}

type StoredText = string | null | undefined;

/** One text in a storage. */
export interface StorageEntry {
  read(): Promise<string | undefined>;
  write(value: string): Promise<void>;
  remove(): Promise<void>;
}

export function storageEntry(storage: TokenStorage, key: string): StorageEntry {
  return {
    read: async () => (await storage.getItem(key)) || undefined,
    write: async (value) => storage.setItem(key, value),
    remove: async () => storage.removeItem(key),
  };
}

/** @throws {TypeError} outside of a browser */
export function browserStorage(): TokenStorage {
  const { localStorage } = globalThis as { localStorage?: TokenStorage };
  if (localStorage === undefined) throw new TypeError("There is no localStorage: give createSession a `storage`.");
  return localStorage;
}
