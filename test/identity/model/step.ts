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

/** Commands one after another, each of which is left out where it does not apply. */
export class InTurn implements fc.AsyncCommand<AccountModel, Players> {
  constructor(readonly steps: readonly Step[]) {}

  check(): boolean {
    return true;
  }

  async run(model: AccountModel, players: Players): Promise<void> {
    for (const step of this.steps) if (step.check(model)) await step.run(model, players);
  }

  toString(): string {
    return this.steps.join(", then ");
  }
}

/** The one that a random number selects. */
export function pick<Item>(items: readonly Item[], choice: number): Item {
  const item = items[choice % items.length];
  if (item === undefined) throw new RangeError("there is nothing to select from");
  return item;
}

/** Three of four choices are of those that are still good for something, and all of the last four. */
function pickLate<Item>(items: readonly Item[], choice: number, isOpen: (item: Item) => boolean): Item {
  const open = items.filter(isOpen);
  const pool = open.length === 0 || choice % 4 === 0 ? items : open;
  return pick(pool.slice(-4), Math.floor(choice / 4));
}

/** The device that a random number selects; undefined for a stranger. */
export const deviceOf = ({ devices }: AccountModel, choice: number | undefined): Device | undefined =>
  choice === undefined || devices.length === 0 ? undefined : pick(devices, choice);

export const sessionOf = (model: AccountModel, choice: number): Session =>
  pickLate(model.sessions, choice, (session) => model.isLive(session));

export const challengeOf = (model: AccountModel, choice: number): Challenge =>
  pickLate(model.challenges, choice, (challenge) => model.isOpen(challenge));

export const times = <Result>(count: number, make: (n: number) => Result): Result[] =>
  Array.from({ length: count }, (_, n) => make(n));

/** Every one of the answers is this error code. */
export function expectRefused(answers: readonly unknown[], code: string): void {
  expect(answers).toEqual(answers.map(() => code));
}

export const wrongPassword = "not the right password at all";
