/** The part of the Web Locks API that a session uses: `navigator.locks` is one. */
export interface SessionLocks {
  request<Result>(name: string, callback: () => Promise<Result>): Promise<Result>;
}

/** Runs a task while no other tab runs one. */
export type TabLock = <Result>(task: () => Promise<Result>) => Promise<Result>;

/**
 * Returns the lock of this name. Where there are no Web Locks, tasks run at once: then tabs may refresh at the same time,
 * and the service gives each the same tokens.
 */
export function tabLock(locks: SessionLocks | undefined, name: string): TabLock {
  return (task) => (locks === undefined ? task() : locks.request(name, task));
}

/** The locks of the browser; undefined in Node.js before version 24 and on pages without HTTPS. */
export function browserLocks(): SessionLocks | undefined {
  return (globalThis as { navigator?: { locks?: SessionLocks } }).navigator?.locks;
}
