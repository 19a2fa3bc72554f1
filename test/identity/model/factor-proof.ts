import { expect } from "vitest";
import type { AccountModel } from "./account-model.ts";
import type { AccountState } from "./comparison.ts";
import { codeOf, presentStep, wrongCode } from "./players.ts";

/** What is presented as a second factor. */
export type Proof = "code" | "used code" | "wrong code" | "recovery code" | "used recovery code";

/** What is sent as proof. A code counts as used from the step on that was taken last. */
export function inputOf({ factor, takenRecoveryCodes }: AccountModel, proof: Proof) {
  if (proof === "recovery code") return { recoveryCode: factor?.recoveryCodes[0] ?? "" };
  if (proof === "used recovery code") return { recoveryCode: takenRecoveryCodes.at(-1) ?? "none" };
  if (factor === undefined || proof === "wrong code") return { code: factor ? wrongCode(factor.secret) : "000000" };
  const step = proof === "code" ? Math.max(presentStep(), factor.lastStep + 1) : factor.lastStep;
  return { code: codeOf(factor.secret, step) };
}

/** Whether the account can prove this. The next code is accepted, because clocks differ, and the one after it is not. */
export function canProve({ factor }: AccountModel, proof: Proof): boolean {
  if (proof === "code") return factor !== undefined && factor.lastStep <= presentStep();
  return proof !== "recovery code" || (factor?.recoveryCodes.length ?? 0) > 0;
}

export const isRight = (proof: Proof) => proof === "code" || proof === "recovery code";

/** Counts an attempt and takes what it presents. @returns whether it was right */
export function take(model: AccountModel, proof: Proof, code: string | undefined): boolean {
  const isRecovery = proof.endsWith("recovery code");
  const ticket = isRecovery ? undefined : model.takeCode("owner");
  const isCounted = isRecovery ? model.countRecovery() : ticket !== undefined;
  if (!isCounted || !isRight(proof) || model.factor === undefined) return false;
  if (ticket !== undefined) {
    model.factor.lastStep = stepOf(model.factor.secret, code);
    model.record("owner", model.codes, () => model.codes.forgive(ticket));
  } else {
    model.takenRecoveryCodes.push(...model.factor.recoveryCodes.splice(0, 1));
    model.tell("owner", "recovery code taken");
  }
  return true;
}

const stepOf = (secret: string, code: string | undefined) =>
  [0, 1, -1].map((offset) => presentStep() + offset).find((step) => codeOf(secret, step) === code) ?? 0;

/** Those that lost against a proof at once count or not, depending on their order: the model takes the counters over. */
export function adoptCounters(model: AccountModel, state: AccountState, most: number): void {
  const { codes, recovery } = model;
  const [attempts, total] = [state.code_attempts - codes.attempts, state.code_total - codes.total];
  const recoveries = state.recoveries - recovery.hour.count;
  for (const more of [attempts, total]) {
    expect(more).toBeGreaterThanOrEqual(0);
    expect(more).toBeLessThanOrEqual(most);
  }
  codes.attempts += attempts;
  codes.total += total;
  if (recovery.hour.ends <= model.now) return;
  expect(recoveries).toBeGreaterThanOrEqual(0);
  expect(recoveries).toBeLessThanOrEqual(most);
  recovery.hour.count += recoveries;
  recovery.day.count += recoveries;
}
