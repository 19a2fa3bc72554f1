import fc from "fast-check";
import { Complete, Disable, Enrol } from "./factor-commands.ts";
import type { Proof } from "./factor-proof.ts";
import { PassTime, SetStatus, Unlock } from "./other-commands.ts";
import { Refresh } from "./refresh-commands.ts";
import { CallWithEvery, ChangePassword, ForgetDevice, Reauthenticate, SignOut } from "./session-commands.ts";
import { Guess, SignIn, SignInAtOnce } from "./sign-in-commands.ts";
import type { Step } from "./step.ts";

const choice = fc.nat({ max: 30 });
const device = fc.option(choice, { nil: undefined });
const isRight = fc.boolean();
/** Wrong ones are answered after whole seconds. */
const proof = fc.constantFrom<Proof>("code", "code", "recovery code", "used code", "wrong code", "used recovery code");
const minute = 60;
const day = 86_400;

const signIns: fc.Arbitrary<Step>[] = [
  fc.tuple(fc.integer({ min: 1, max: 12 }), device).map((args) => new Guess(...args)),
  fc.tuple(device, fc.constant(0)).map((args) => new SignIn(...args)),
  fc.tuple(choice, fc.integer({ min: 1, max: 6 })).map((args) => new SignIn(...args)),
  fc.integer({ min: 1, max: 4 }).map((count) => new SignInAtOnce(count)),
];
const refreshes: fc.Arbitrary<Step>[] = [
  choice.map((session) => new Refresh(session, [0])),
  fc.tuple(choice, fc.array(fc.nat({ max: 2 }), { minLength: 1, maxLength: 3 })).map((args) => new Refresh(...args)),
];
const ownersSteps: fc.Arbitrary<Step>[] = [
  fc.tuple(choice, fc.constantFrom("this", "others", "all")).map((args) => new SignOut(...args)),
  fc.tuple(choice, isRight).map((args) => new Reauthenticate(...args)),
  fc.tuple(choice, isRight, fc.boolean()).map((args) => new ChangePassword(...args)),
  fc.tuple(choice, choice).map((args) => new ForgetDevice(...args)),
  fc.constant(new CallWithEvery()),
];
const factorSteps: fc.Arbitrary<Step>[] = [
  fc.tuple(choice, fc.boolean()).map((args) => new Enrol(...args)),
  fc.tuple(choice, proof).map((args) => new Disable(...args)),
];
const completions: fc.Arbitrary<Step>[] = Array<fc.Arbitrary<Step>>(5).fill(
  fc.tuple(fc.array(choice, { minLength: 1, maxLength: 3 }), proof).map((args) => new Complete(...args)),
);
const others: fc.Arbitrary<Step>[] = [
  fc.constant(new PassTime(40)),
  fc
    .constantFrom(40, 40, 70, 120, 6 * minute, 11 * minute, 61 * minute, 25 * 60 * minute, 31 * day, 401 * day)
    .map((seconds) => new PassTime(seconds)),
  fc.constant(new Unlock()),
  fc.constantFrom("active", "active", "suspended", "banned").map((status) => new SetStatus(status)),
];

/** Sequences of at most `maxCommands`. What needs others before it is chosen more often. */
export const commandsOf = (maxCommands: number) =>
  fc.commands(
    [signIns, signIns, refreshes, refreshes, ownersSteps, factorSteps, factorSteps, completions, others].flat(),
    { maxCommands, size: "max" },
  );
