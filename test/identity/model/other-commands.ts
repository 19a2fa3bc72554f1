import { expect } from "vitest";
import type { AccountModel } from "./account-model.ts";
import { answerOf, type Players } from "./players.ts";
import { Step } from "./step.ts";
import { passTime } from "./virtual-time.ts";

export class PassTime extends Step {
  constructor(readonly seconds: number) {
    super();
  }
  act(model: AccountModel, { sql }: Players) {
    return passTime(sql, model, this.seconds);
  }
  toString() {
    return `${this.seconds} s pass`;
  }
}

/** A moderator forgives all failures: of strangers, of devices and of codes. */
export class Unlock extends Step {
  async act(model: AccountModel, players: Players) {
    const { security } = players.client(players.moderatorToken);
    const answer = await answerOf(() => security.unlock.mutate({ userId: model.account.id }));
    expect(answer).toMatchObject({ loginAttempts: 0, lockedUntil: null });
    const { strangers, codes, devices } = model;
    for (const bucket of [strangers, codes, ...devices.map((device) => device.bucket)])
      model.record("moderator", bucket, () => bucket.forget());
  }
  toString() {
    return "unlock";
  }
}

export class SetStatus extends Step {
  constructor(readonly status: AccountModel["status"]) {
    super();
  }
  override check(model: AccountModel) {
    return model.status !== this.status;
  }
  async act(model: AccountModel, players: Players) {
    const { users } = players.client(players.moderatorToken);
    const answer = await answerOf(() => users.setStatus.mutate({ id: model.account.id, status: this.status }));
    expect(answer).toMatchObject({ status: this.status });
    const sessions = model.status === "active" ? model.sessions.filter((session) => model.isLive(session)) : [];
    model.status = this.status;
    model.tell("moderator", `status ${this.status}`);
    for (const session of sessions) model.end("moderator", session, "account_inactive");
  }
  toString() {
    return `status ${this.status}`;
  }
}
