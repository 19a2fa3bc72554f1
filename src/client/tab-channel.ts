import type { SessionStage } from "../routers/index.ts";

/**
 * What a tab tells the others. The receiver compares `stored` with what is in the storage: a message that was overtaken by a
 * later sign-in or sign-out has no effect.
 */
export type TabMessage =
  | {
      readonly kind: "renewed";
      readonly stored: string;
      readonly accessToken: string;
      /** What is left of the lifetime of the access token (s). */
      readonly expiresIn: number;
      readonly stage: SessionStage;
      readonly userId: string;
    }
  | { readonly kind: "signedOut" };

export interface TabChannel {
  /** Whether messages reach other tabs. */
  readonly isOpen: boolean;
  post(message: TabMessage): void;
  close(): void;
}

/** Connects the tabs of a session. Without BroadcastChannel each tab learns from the storage and from the service. */
export function openTabChannel(name: string, onMessage: (message: TabMessage) => void): TabChannel {
  if (globalThis.BroadcastChannel === undefined) return { isOpen: false, post: () => {}, close: () => {} };
  const channel = new BroadcastChannel(name);
  channel.onmessage = (event) => onMessage((event as { data: TabMessage }).data);
  // In Node.js an open channel would keep the process alive.
  (channel as { unref?: () => void }).unref?.();
  let isOpen = true;
  return {
    get isOpen() {
      return isOpen;
    },
    post: (message) => {
      if (isOpen) channel.postMessage(message);
    },
    close: () => {
      isOpen = false;
      channel.close();
    },
  };
}
