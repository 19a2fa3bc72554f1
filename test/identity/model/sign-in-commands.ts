import { expect } from "vitest";
import type { AccountModel } from "./account-model.ts";
import type { Device, Ticket } from "./account-state.ts";
import { stateOf } from "./comparison.ts";
import { type Answer, answerOf, isRefused, type Players } from "./players.ts";
import { deviceOf, expectRefused, Step, times, wrongPassword } from "./step.ts";

const signIn = (model: AccountModel, players: Players, { password = model.password, device }: Credentials = {}) =>
  answerOf(() =>
    players.client().auth.signIn.mutate({
      login: model.account.username,
      password,
      ...(device !== undefined && { deviceToken: device.token }),
    }),
  );

interface Credentials {
  readonly password?: string;
  readonly device?: Device | undefined;
}

type SignInAnswer = Awaited<ReturnType<typeof signIn>>;

const shownDevice = (choice: number | undefined) => (choice === undefined ? "a stranger" : `device ${choice}`);

/** Applies the answer to a right password to the model. */
function accept(model: AccountModel, answer: Answer<SignInAnswer>, ticket: Ticket | undefined): void {
  if (ticket === undefined) expect(answer).toBe("UNAUTHORIZED");
  else if (model.status !== "active") {
    expect(answer).toBe("FORBIDDEN");
    model.forgive("anonymous", ticket);
  } else if (isRefused(answer)) expect.fail(`the right password was refused: ${answer}`);
  else if ("challenge" in answer) {
    expect(model.factor).toBeDefined();
    model.challenges.push({
      token: answer.challenge,
      ticket,
      expiresAt: model.now + 300,
      password: model.password,
      isDone: false,
    });
  } else {
    expect(model.factor).toBeUndefined();
    expect(answer.session.failures).toBe(ticket.failures);
    if (ticket.deviceId !== undefined) expect(answer.session.deviceId).toBe(ticket.deviceId);
    model.begin(ticket, answer as never, ["password"]);
  }
}

/** Wrong passwords at once, of strangers or from a known device. Passwords that the account had before are wrong, too. */
export class Guess extends Step {
  constructor(
    readonly count: number,
    readonly device: number | undefined,
  ) {
    super();
  }
  async act(model: AccountModel, players: Players) {
    const device = deviceOf(model, this.device);
    const passwords = [wrongPassword, ...model.passwords.slice(0, -1)];
    const answers = await Promise.all(
      times(this.count, (n) => signIn(model, players, { password: passwords[n % passwords.length] ?? "", device })),
    );
    model.guess("anonymous", this.count, device);
    expectRefused(answers, "UNAUTHORIZED");
  }
  toString() {
    return `${this.count} guesses of ${shownDevice(this.device)}`;
  }
}

/** The right password, while strangers guess. */
export class SignIn extends Step {
  constructor(
    readonly device: number | undefined,
    readonly guesses: number,
  ) {
    super();
  }
  /** Guesses of strangers would compete with a stranger for the attempts. */
  override check(model: AccountModel) {
    const device = deviceOf(model, this.device);
    return this.guesses === 0 || (device !== undefined && model.isKnown(device));
  }
  async act(model: AccountModel, players: Players) {
    const device = deviceOf(model, this.device);
    const [answer, ...refused] = await Promise.all([
      signIn(model, players, { device }),
      ...times(this.guesses, () => signIn(model, players, { password: wrongPassword })),
    ]);
    model.guess("anonymous", this.guesses, undefined);
    accept(model, answer, model.take("anonymous", device));
    model.enforceLimits(await stateOf(players.sql, model.account.id));
    expectRefused(refused, "UNAUTHORIZED");
  }
  toString() {
    return `sign-in of ${shownDevice(this.device)}${this.guesses > 0 ? ` beside ${this.guesses} guesses` : ""}`;
  }
}

/** The right password of several strangers at once, each of whom becomes a known device. */
export class SignInAtOnce extends Step {
  constructor(readonly count: number) {
    super();
  }
  /** With fewer attempts left, it depends on their order how many are admitted. */
  override check({ status, factor, strangers, now }: AccountModel) {
    const isAdmitted = status === "active" && factor === undefined && !strangers.isLocked(now);
    return isAdmitted && strangers.attempts + this.count <= strangers.free;
  }
  async act(model: AccountModel, players: Players) {
    const answers = await Promise.all(times(this.count, () => signIn(model, players)));
    const sessions = answers.flatMap((answer) => (isRefused(answer) || "challenge" in answer ? [] : [answer]));
    expect(answers.filter(isRefused)).toEqual([]);
    expect(sessions).toHaveLength(this.count);
    const before = model.strangers.attempts;
    const tickets = times(this.count, () => model.take("anonymous", undefined));
    for (const [n, answer] of sessions.entries()) {
      expect(answer.session.failures).toBeLessThan(before + this.count);
      if (tickets[n] !== undefined) model.begin(tickets[n], answer as never, ["password"]);
    }
    model.enforceLimits(await stateOf(players.sql, model.account.id));
  }
  toString() {
    return `${this.count} sign-ins of strangers at once`;
  }
}
