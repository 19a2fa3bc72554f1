import { expect } from "vitest";
import type { AccountModel } from "./account-model.ts";
import type { Session } from "./account-state.ts";
import { stateOf } from "./comparison.ts";
import { answerOf, isRefused, type Players } from "./players.ts";
import { pick, Step, sessionOf, wrongPassword } from "./step.ts";

/** A call of every session that there ever was. */
export class CallWithEvery extends Step {
  async act(model: AccountModel, players: Players) {
    const answers = await Promise.all(
      model.sessions.map(({ accessToken }) => answerOf(() => players.client(accessToken).users.me.query())),
    );
    const codes = answers.map((answer) => (isRefused(answer) ? answer : undefined));
    expect(codes).toEqual(model.sessions.map((session) => model.refusalOf(session)));
  }
  toString() {
    return "call with every session";
  }
}

/** A command of the owner, in one of the sessions. */
abstract class OwnerStep extends Step {
  constructor(readonly choice: number) {
    super();
  }
  override check(model: AccountModel) {
    return model.sessions.length > 0;
  }
}

export class SignOut extends OwnerStep {
  constructor(
    choice: number,
    readonly scope: "this" | "others" | "all",
  ) {
    super(choice);
  }
  async act(model: AccountModel, players: Players) {
    const session = sessionOf(model, this.choice);
    const ended = {
      this: [session],
      others: model.sessions.filter((one) => one !== session && model.isLive(one)),
      all: model.sessions.filter((one) => model.isLive(one)),
    }[this.scope];
    const answer = await answerOf(() => players.client(session.accessToken).auth.signOut.mutate({ scope: this.scope }));
    const isForbidden = this.scope !== "this" && !model.isRecent(session);
    const refusal = model.refusalOf(session) ?? (isForbidden ? "FORBIDDEN" : undefined);
    expect(answer).toEqual(refusal ?? { ended: ended.length });
    if (refusal === undefined) for (const one of ended) model.end("owner", one, "signed_out");
  }
  toString() {
    return `sign-out of ${this.scope} in session ${this.choice}`;
  }
}

/** A proof of the password in a session, whose attempts count like those of its device. */
abstract class PasswordStep extends OwnerStep {
  constructor(
    choice: number,
    readonly isRight: boolean,
    readonly isAccepted = true,
  ) {
    super(choice);
  }
  async act(model: AccountModel, players: Players) {
    const session = sessionOf(model, this.choice);
    const device = model.devices.find(({ id }) => id === session.deviceId);
    const password = this.isRight ? model.password : wrongPassword;
    const answer = await answerOf(() => this.prove(players.client(session.accessToken), password, model));
    const refusal = model.refusalOf(session) ?? (this.isOpenTo(session, model) ? undefined : "FORBIDDEN");
    if (refusal !== undefined) return expect(answer).toBe(refusal);
    const ticket = model.take("owner", device);
    if (ticket === undefined || !this.isRight) {
      if (ticket !== undefined) model.fail("owner", ticket);
      return expect(answer).toBe("UNAUTHORIZED");
    }
    model.forgive("owner", ticket);
    await adoptTotals(model, players);
    if (!this.isAccepted) return expect(answer).toBe("BAD_REQUEST");
    expect(answer).toBeTypeOf("object");
    session.authenticatedAt = model.now;
    model.tell("owner", `session ${session.id} authenticated again`);
    this.succeed(model, session.id);
  }
  protected abstract prove(
    client: ReturnType<Players["client"]>,
    password: string,
    model: AccountModel,
  ): Promise<unknown>;
  protected isOpenTo(_session: Session, _model: AccountModel): boolean {
    return true;
  }
  protected succeed(_model: AccountModel, _sessionId: string): void {}
}

export class Reauthenticate extends PasswordStep {
  prove(client: ReturnType<Players["client"]>, password: string) {
    return client.auth.reauthenticate.mutate({ password }).then(() => ({}));
  }
  toString() {
    return `reauthentication in session ${this.choice} by ${this.isRight ? "the" : "a wrong"} password`;
  }
}

export class ChangePassword extends PasswordStep {
  prove(client: ReturnType<Players["client"]>, currentPassword: string, model: AccountModel) {
    const newPassword = this.isAccepted ? nextPassword(model) : "too short";
    return client.auth.changePassword.mutate({ currentPassword, newPassword });
  }
  override isOpenTo({ hasSecondFactor }: Session, { factor }: AccountModel) {
    return hasSecondFactor || factor === undefined;
  }
  override succeed(model: AccountModel, sessionId: string) {
    model.passwords.push(nextPassword(model));
    model.tell("owner", "password changed");
    model.tell("owner", "password dated");
    for (const one of model.sessions)
      if (one.id !== sessionId && model.isLive(one)) model.end("owner", one, "password_changed");
  }
  toString() {
    const change = this.isAccepted ? "change of the password" : "change to a password that is too short,";
    return `${change} in session ${this.choice} by ${this.isRight ? "the" : "a wrong"} one`;
  }
}

/**
 * Takes over how many attempts were ever counted, which no decision depends on: a change whose new hash finds no room is
 * sent again after its attempt was counted and forgiven.
 */
async function adoptTotals({ account, strangers, devices }: AccountModel, { sql }: Players): Promise<void> {
  const state = await stateOf(sql, account.id);
  strangers.total = Math.max(strangers.total, state.total);
  for (const { id, bucket } of devices) bucket.total = Math.max(bucket.total, state.devices[id]?.[1] ?? 0);
}

const nextPassword = ({ passwords }: AccountModel) => `long password ${passwords.length} of a player`;

export class ForgetDevice extends OwnerStep {
  constructor(
    choice: number,
    readonly device: number,
  ) {
    super(choice);
  }
  override check(model: AccountModel) {
    return super.check(model) && model.devices.length > 0;
  }
  async act(model: AccountModel, players: Players) {
    const session = sessionOf(model, this.choice);
    const device = pick(model.devices, this.device);
    const client = players.client(session.accessToken);
    const answer = await answerOf(() => client.account.devices.forget.mutate({ deviceId: device.id }));
    expect(answer).toBe(model.refusalOf(session));
    if (answer === undefined) model.forgetDevice("owner", device);
  }
  toString() {
    return `device ${this.device} forgotten in session ${this.choice}`;
  }
}
