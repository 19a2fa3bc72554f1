import { type AccessGrant, monotonicNow, type TokenAnswer } from "./access-grant.ts";
import { isClientError } from "./client-error.ts";
import type { HeldTokens } from "./held-tokens.ts";
import type { TabLock } from "./tab-lock.ts";

/**
 * Renews the tokens, once for all who call it meanwhile. Returns undefined if nobody is signed in any more.
 *
 * @throws {ClientError} if the service did not answer, or refused for now; the tokens are kept
 */
export type RenewTokens = () => Promise<AccessGrant | undefined>;

interface RenewalParts {
  readonly held: HeldTokens;
  readonly lock: TabLock;
  /** Exchanges the refresh token for new tokens: `auth.refresh`. */
  readonly exchange: (stored: string) => Promise<TokenAnswer>;
}

/** How long a tab waits for tokens that another tab has stored already (ms). */
const messageTimeout = 1_000;

export function createTokenRenewal(parts: RenewalParts): RenewTokens {
  let running: ReturnType<RenewTokens> | undefined;
  let refusal: { error: unknown; until: number } | undefined;
  const renewUnlessRefused: RenewTokens = async () => {
    if (refusal !== undefined && monotonicNow() < refusal.until) throw refusal.error;
    refusal = undefined;
    try {
      return await renewInTurn(parts);
    } catch (error) {
      refusal = { error, until: monotonicNow() + retryAfterOf(error) };
      throw error;
    }
  };
  return () => {
    running ??= renewUnlessRefused().finally(() => {
      running = undefined;
    });
    return running;
  };
}

/** Renews when no other tab does, unless a tab has renewed by then. */
async function renewInTurn({ held, lock, exchange }: RenewalParts): ReturnType<RenewTokens> {
  const before = held.grant;
  const known = before?.stored ?? (await held.stored());
  return lock(async () => {
    // The token is in the storage before the message of the tab that put it there has arrived.
    if (held.grant === before && (await held.stored()) !== known) await held.nextMessage(messageTimeout);
    return held.grant === before ? renew({ held, exchange }) : held.grant;
  });
}

async function renew({ held, exchange }: Omit<RenewalParts, "lock">): ReturnType<RenewTokens> {
  const sent = await held.stored();
  if (sent === undefined) {
    held.clear();
    return undefined;
  }
  const requestedAt = monotonicNow();
  const answer = await exchange(sent).catch((error: unknown) => {
    if (isSessionOver(error)) return undefined;
    throw error;
  });
  // Without Web Locks, another tab may have signed in or out meanwhile: then the answer is about a former session. With
  // cookies it may have renewed them, and the browser has its tokens.
  const stored = await held.stored();
  if (stored !== sent && stored !== answer?.refreshToken) return renew({ held, exchange });
  if (answer !== undefined) return held.take(answer, requestedAt);
  await held.forget();
  return undefined;
}

/** Only the service itself ends a session: a proxy's 401 has no `data`. */
export const isSessionOver = (error: unknown): boolean => isClientError(error) && error.data?.code === "UNAUTHORIZED";

/** The time after which the service answers again (ms); 0 if it named none. */
export const retryAfterOf = (error: unknown): number =>
  isClientError(error) ? (error.data?.retryAfter ?? 0) * 1_000 : 0;
