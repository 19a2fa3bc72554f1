import fc from "fast-check";
import type { Past } from "./attacked-account.ts";
import { Complete, Disable, Enrol } from "./factor-commands.ts";
import type { Proof } from "./factor-proof.ts";
import { PassTime, SetStatus, Unlock } from "./other-commands.ts";
import { Refresh } from "./refresh-commands.ts";
import { CallWithEvery, ChangePassword, ForgetDevice, Reauthenticate, SignOut } from "./session-commands.ts";
import { Guess, SignIn, SignInAtOnce } from "./sign-in-commands.ts";
import { InTurn, type Step } from "./step.ts";

const choice = fc.nat({ max: 31 });
const device = fc.option(choice, { nil: undefined, freq: 1 });
const boolean = fc.boolean();
const rightProof = fc.constantFrom<Proof>("code", "recovery code");
const proof = fc.oneof(rightProof, fc.constantFrom<Proof>("used code", "wrong code", "used recovery code"));
const minute = 60;
const day = 86_400;
const passTime = (...seconds: number[]) => fc.constantFrom(...seconds).map((one) => new PassTime(one));

const guess = fc.tuple(fc.integer({ min: 1, max: 12 }), device).map((args) => new Guess(...args));
const fewGuesses = fc.tuple(fc.integer({ min: 1, max: 2 }), device).map((args) => new Guess(...args));
const signIn = device.map((one) => new SignIn(one, 0));
const signInBesideGuesses = fc.tuple(choice, fc.integer({ min: 1, max: 6 })).map((args) => new SignIn(...args));
const signInAtOnce = fc.integer({ min: 1, max: 4 }).map((count) => new SignInAtOnce(count));
const refresh = choice.map((session) => new Refresh(session, [0]));
const replay = choice.map((session) => new Refresh(session, [1]));
const refreshAtOnce = fc
  .tuple(choice, fc.array(fc.nat({ max: 2 }), { minLength: 1, maxLength: 3 }))
  .map((args) => new Refresh(...args));
const signOut = fc.tuple(choice, fc.constantFrom("this", "others", "all")).map((args) => new SignOut(...args));
const reauthenticate = fc.tuple(choice, boolean).map((args) => new Reauthenticate(...args));
const changePassword = fc.tuple(choice, boolean, boolean).map((args) => new ChangePassword(...args));
const forgetDevice = fc.tuple(choice, choice).map((args) => new ForgetDevice(...args));
const callWithEvery = fc.constant(new CallWithEvery());
const enrol = fc.tuple(choice, boolean).map((args) => new Enrol(...args));
const complete = fc.tuple(fc.array(choice, { minLength: 1, maxLength: 3 }), proof).map((args) => new Complete(...args));
/** A code is due half a minute after the one before. */
const completedSignIn = fc.tuple(passTime(40), signIn, complete).map((steps) => new InTurn(steps));
const interruptedSignIn = fc.tuple(signIn, fewGuesses, complete).map((steps) => new InTurn(steps));
const disable = fc.tuple(choice, proof).map((args) => new Disable(...args));
const unlock = fc.constant(new Unlock());
const setStatus = fc.constantFrom("active", "active", "suspended", "banned").map((status) => new SetStatus(status));

type Kinds = readonly fc.Arbitrary<Step | InTurn>[];

const passwords: Kinds = [
  ...[guess, signIn, signIn, signInBesideGuesses, signInAtOnce, reauthenticate, changePassword, forgetDevice],
  ...[unlock, setStatus, passTime(40, 70, 11 * minute, 61 * minute, 31 * day)],
];
const sessions: Kinds = [
  ...[signIn, signInAtOnce, refresh, refresh, refresh, replay, replay, refreshAtOnce, refreshAtOnce, signOut],
  ...[changePassword, passTime(40, 70), passTime(120), passTime(120, 11 * minute, 15 * day)],
];
const secondFactors: Kinds = [
  ...[signIn, fewGuesses, complete, complete, enrol, disable, forgetDevice, passTime(70, 6 * minute, 25 * 60 * minute)],
  ...[completedSignIn, completedSignIn, completedSignIn, interruptedSignIn, interruptedSignIn],
];
const all: Kinds = [
  ...[guess, signIn, signInBesideGuesses, signInAtOnce, refresh, refreshAtOnce, signOut, reauthenticate, unlock],
  ...[changePassword, forgetDevice, callWithEvery, enrol, complete, disable, setStatus],
  passTime(40, 70, 120, 6 * minute, 11 * minute, 61 * minute, 25 * 60 * minute, 31 * day, 401 * day),
];

/** What the commands of one account are about. Few kinds at a time get further than all of them. */
export const focuses = { passwords, sessions, secondFactors, all } as const;
export type Focus = keyof typeof focuses;

/** A past that suits a focus. */
export const pastOf = (focus: Focus, reuse: number | undefined): fc.Arbitrary<Past> =>
  fc.record({
    reuse: fc.constant(reuse),
    isAttacked: focus === "passwords" || focus === "all" ? boolean : fc.constant(false),
    devices: focus === "secondFactors" ? fc.constant(1) : fc.constantFrom(1, 19),
    isEnrolled: focus === "all" ? boolean : fc.constant(focus === "secondFactors"),
  });

/** Two sequences, of 10 on average together: one would often be short. */
export const commandsOf = (focus: Focus) => {
  const sequence = fc.commands([...focuses[focus]], { maxCommands: 10, size: "max" });
  return fc.tuple(sequence, sequence);
};
