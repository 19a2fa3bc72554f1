import type { AccountModel } from "./account-model.ts";
import type { Session } from "./account-state.ts";

/** The part of a session that refreshes change. Tokens are named by their place among those of the session. */
export interface Rotation {
  readonly current: number;
  readonly rotatedAt: number | undefined;
  readonly isReplayed: boolean;
  readonly isReused: boolean;
}

export interface Refreshed {
  readonly rotation: Rotation;
  /** The place of the token in the answer; undefined if the call is refused. */
  readonly answer: number | undefined;
}

/** A replay later than this is recorded (s). */
const promptReplay = 60;

/** What one refresh does to a live session. */
function refresh(rotation: Rotation, token: number, { now, reuse }: { now: number; reuse: number }): Refreshed {
  const { current, rotatedAt = 0, isReused } = rotation;
  if (isReused) return { rotation, answer: undefined };
  if (token === current) {
    const rotated = { current: current + 1, rotatedAt: now, isReplayed: false, isReused };
    return { rotation: rotated, answer: current + 1 };
  }
  const age = now - rotatedAt;
  if (token !== current - 1 || age > reuse) return { rotation: { ...rotation, isReused: true }, answer: undefined };
  return { rotation: { ...rotation, isReplayed: rotation.isReplayed || age > promptReplay }, answer: current };
}

/** Every result that refreshes at once may have: that of one order of them. `answers` are in the order of `tokens`. */
export function* possibleRefreshes(
  model: AccountModel,
  session: Session,
  tokens: readonly number[],
): Generator<{ rotation: Rotation; answers: (number | undefined)[] }> {
  const { rotatedAt, isReplayed } = session;
  const begin: Rotation = { current: session.tokens.length - 1, rotatedAt, isReplayed, isReused: false };
  const isRefused = model.refusalOf(session) !== undefined;
  const time = { now: model.now, reuse: model.reuse ?? Number.POSITIVE_INFINITY };
  for (const order of permutations([...tokens.keys()])) {
    const answers: (number | undefined)[] = [];
    let rotation = begin;
    for (const call of isRefused ? [] : order) {
      const refreshed = refresh(rotation, tokens[call] ?? 0, time);
      answers[call] = refreshed.answer;
      rotation = refreshed.rotation;
    }
    yield { rotation, answers };
  }
}

function* permutations(items: readonly number[]): Generator<number[]> {
  if (items.length === 0) yield [];
  for (const item of items) for (const rest of permutations(items.filter((one) => one !== item))) yield [item, ...rest];
}
