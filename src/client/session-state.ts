import type { SessionStage } from "../routers/index.ts";

/**
 * Whether a player is signed in. `restoring`: the storage has not been read yet, or it holds a refresh token and the
 * service has not answered yet.
 */
export type SessionState =
  | { readonly status: "restoring" }
  | { readonly status: "signedOut" }
  | { readonly status: "signedIn"; readonly stage: SessionStage; readonly userId: string };

/** The state and those who watch it. The state is the same object until it changes, as React expects. */
export interface ObservedState {
  readonly current: SessionState;
  set(state: SessionState): void;
  /** Calls the listener after each change, until the returned function is called. */
  subscribe(listener: (state: SessionState) => void): () => void;
}

export function observedState(initial: SessionState): ObservedState {
  let current = initial;
  const listeners = new Set<(state: SessionState) => void>();
  return {
    get current() {
      return current;
    },
    set: (state) => {
      if (isSame(state, current)) return;
      current = state;
      for (const listener of listeners) listener(state);
    },
    subscribe: (listener) => {
      // A function of its own, so that one listener can subscribe twice.
      const entry = (state: SessionState) => listener(state);
      listeners.add(entry);
      return () => void listeners.delete(entry);
    },
  };
}

function isSame(one: SessionState, other: SessionState): boolean {
  if (one.status !== "signedIn" || other.status !== "signedIn") return one.status === other.status;
  return one.stage === other.stage && one.userId === other.userId;
}
