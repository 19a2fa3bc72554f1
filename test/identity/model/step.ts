import type fc from "fast-check";
import { expect } from "vitest";
import type { AccountModel } from "./account-model.ts";
import type { Challenge, Device, Session } from "./account-state.ts";
import { compareState } from "./comparison.ts";
import type { Players } from "./players.ts";
import { leaveDeadlines } from "./virtual-time.ts";

/** A command of the model: calls at once, what the model expects of them, and a comparison of the whole state. */
export abstract class Step implements fc.AsyncCommand<AccountModel, Players> {
  check(_model: Readonly<AccountModel>): boolean {
    return true;
  }

  async run(model: AccountModel, players: Players): Promise<void> {
    await leaveDeadlines(players.sql, model);
    // An enclosing check of fast-check calls `check` before time passes.
    if (!this.check(model)) return;
    model.story.push([]);
    await this.act(model, players);
    await compareState(players.sql, model);
  }

  protected abstract act(model: AccountModel, players: Players): Promise<void>;

  abstract toString(): string;
}

/** The one that a random number selects. */
export function pick<Item>(items: readonly Item[], choice: number): Item {
  const item = items[choice % items.length];
  if (item === undefined) throw new RangeError("there is nothing to select from");
  return item;
}

/** One of the last four: older ones have mostly ended. */
const pickLate = <Item>(items: readonly Item[], choice: number): Item => pick(items.slice(-4), choice);

/** The device that a random number selects; undefined for a stranger. */
export const deviceOf = ({ devices }: AccountModel, choice: number | undefined): Device | undefined =>
  choice === undefined || devices.length === 0 ? undefined : pick(devices, choice);

export const sessionOf = ({ sessions }: AccountModel, choice: number): Session => pickLate(sessions, choice);

export const challengeOf = ({ challenges }: AccountModel, choice: number): Challenge => pickLate(challenges, choice);

export const times = <Result>(count: number, make: (n: number) => Result): Result[] =>
  Array.from({ length: count }, (_, n) => make(n));

/** Every one of the answers is this error code. */
export function expectRefused(answers: readonly unknown[], code: string): void {
  expect(answers).toEqual(answers.map(() => code));
}

export const wrongPassword = "not the right password at all";
