import { expect } from "vitest";
import type { AccountModel } from "./account-model.ts";
import type { Challenge } from "./account-state.ts";
import { stateOf } from "./comparison.ts";
import { adoptCounters, canProve, inputOf, isRight, type Proof, take } from "./factor-proof.ts";
import { answerOf, codeOf, isRefused, type Players, presentStep, wrongCode } from "./players.ts";
import { challengeOf, expectRefused, Step, sessionOf } from "./step.ts";

/** Begins and confirms an enrolment. */
export class Enrol extends Step {
  constructor(
    readonly choice: number,
    readonly isConfirmed: boolean,
  ) {
    super();
  }
  override check({ sessions }: AccountModel) {
    return sessions.length > 0;
  }
  async act(model: AccountModel, players: Players) {
    const session = sessionOf(model, this.choice);
    const { account } = players.client(session.accessToken);
    const begun = await answerOf(() => account.twoFactor.enrol.mutate());
    const refusal = model.refusalOf(session) ?? (model.isRecent(session) ? undefined : "FORBIDDEN");
    if (refusal !== undefined || isRefused(begun)) return expect(begun).toBe(refusal);
    model.tell("owner", "enrolment begun");
    const step = presentStep();
    const code = this.isConfirmed ? codeOf(begun.secret, step) : wrongCode(begun.secret);
    const confirmed = await answerOf(() => account.twoFactor.confirm.mutate({ code }));
    if (!this.isConfirmed || isRefused(confirmed)) return expect(confirmed).toBe("BAD_REQUEST");
    model.factor = { secret: begun.secret, lastStep: step, recoveryCodes: [...confirmed.recoveryCodes] };
    model.record("owner", model.codes, () => model.codes.forget());
    Object.assign(session, { authenticatedAt: model.now, hasSecondFactor: true });
    model.tell("owner", "factor bound");
    model.tell("owner", `session ${session.id} authenticated again`);
  }
  toString() {
    return `${this.isConfirmed ? "enrolment" : "enrolment with a wrong code"} in session ${this.choice}`;
  }
}

/** Proofs of the second factor at once, for one or several challenges. */
export class Complete extends Step {
  constructor(
    readonly choices: readonly number[],
    readonly proof: Proof,
  ) {
    super();
  }
  override check(model: AccountModel) {
    if (model.challenges.length === 0 || !canProve(model, this.proof)) return false;
    // Of several right proofs one is taken. With a lock among them, the order would decide whether one is.
    const { attempts, free } = model.codes;
    return this.choices.length === 1 || !isRight(this.proof) || attempts + this.choices.length <= free;
  }
  async act(model: AccountModel, players: Players) {
    const input = inputOf(model, this.proof);
    const chosen = this.choices.map((choice) => challengeOf(model, choice));
    const answers = await Promise.all(
      chosen.map(({ token }) =>
        answerOf(() => players.client().auth.completeSignIn.mutate({ challenge: token, ...input })),
      ),
    );
    const open = chosen.filter((challenge) => model.isOpen(challenge));
    if (!isRight(this.proof)) {
      for (const _ of open) take(model, this.proof, undefined);
      return expectRefused(answers, "UNAUTHORIZED");
    }
    if (open.length === 0) return expectRefused(answers, "UNAUTHORIZED");
    const isTaken = take(model, this.proof, input.code);
    const winner = answers.findIndex((answer) => answer !== "UNAUTHORIZED");
    expectRefused(answers.toSpliced(isTaken ? winner : answers.length, 1), "UNAUTHORIZED");
    const state = await stateOf(players.sql, model.account.id);
    if (isTaken) this.#succeed(model, chosen[winner], answers[winner]);
    model.enforceLimits(state);
    adoptCounters(model, state, open.length - 1);
  }

  #succeed(model: AccountModel, challenge: Challenge | undefined, answer: unknown): void {
    if (challenge === undefined) throw new Error("a right proof was refused");
    if (model.status !== "active") {
      expect(answer).toBe("FORBIDDEN");
      model.forgive("owner", challenge.ticket);
      return;
    }
    if (isRefused(answer)) throw new Error(`a right proof was refused: ${answer}`);
    const begun = answer as Parameters<AccountModel["begin"]>[1];
    challenge.isDone = true;
    model.begin(challenge.ticket, begun, ["password", this.proof === "code" ? "totp" : "recovery_code"]);
  }
  toString() {
    return `${this.proof} for the challenges ${this.choices.join(", ")}`;
  }
}

/** Removes the second factor, after a proof of it. */
export class Disable extends Step {
  constructor(
    readonly choice: number,
    readonly proof: Proof,
  ) {
    super();
  }
  override check(model: AccountModel) {
    return model.sessions.length > 0 && canProve(model, this.proof);
  }
  async act(model: AccountModel, players: Players) {
    const session = sessionOf(model, this.choice);
    const input = inputOf(model, this.proof);
    const answer = await answerOf(() => players.client(session.accessToken).account.twoFactor.disable.mutate(input));
    const refusal = model.refusalOf(session) ?? (model.isRecent(session) ? undefined : "FORBIDDEN");
    if (refusal !== undefined) return expect(answer).toBe(refusal);
    if (!take(model, this.proof, input.code)) return expect(answer).toBe("UNAUTHORIZED");
    expect(answer).toBeUndefined();
    model.factor = undefined;
    for (const one of model.sessions) one.hasSecondFactor = false;
    model.record("owner", model.codes, () => model.codes.forget());
    model.tell("owner", "factor removed");
  }
  toString() {
    return `removal of the factor in session ${this.choice} by ${this.proof}`;
  }
}
