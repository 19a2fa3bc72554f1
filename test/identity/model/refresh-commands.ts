import { decodeJwt } from "jose";
import { expect } from "vitest";
import type { AccountModel } from "./account-model.ts";
import type { Session } from "./account-state.ts";
import { answerOf, isRefused, type Players } from "./players.ts";
import { possibleRefreshes, type Rotation } from "./refresh-model.ts";
import { pick, Step, sessionOf } from "./step.ts";

/** Refresh tokens of one session at once: 0 is the current one, 1 its predecessor. */
export class Refresh extends Step {
  constructor(
    readonly choice: number,
    readonly ages: readonly number[],
  ) {
    super();
  }
  override check({ sessions }: AccountModel) {
    return sessions.length > 0;
  }
  async act(model: AccountModel, players: Players) {
    const session = sessionOf(model, this.choice);
    const places = this.ages.map((age) => Math.max(0, session.tokens.length - 1 - age));
    const texts = await Promise.all(
      places.map(async (place) => {
        const refreshToken = pick(session.tokens, place);
        const answer = await answerOf(() => players.client().auth.refresh.mutate({ refreshToken }));
        return isRefused(answer) ? answer : String(answer.refreshToken);
      }),
    );
    for (const { rotation, answers } of possibleRefreshes(model, session, places)) {
      const issued = new Map(session.tokens.entries());
      if (texts.every((text, call) => isAnswer(text, answers[call], { session, issued }))) {
        apply(model, session, { rotation, issued });
        return;
      }
    }
    expect.fail(`no order of the refreshes has these answers: ${texts.map((text) => text.slice(0, 12)).join(", ")}`);
  }
  toString() {
    return `refresh of session ${this.choice} by its tokens ${this.ages.join(", ")}`;
  }
}

/** Whether the answer to a call is the token of that place, byte for byte, or a refusal. */
function isAnswer(
  text: string,
  place: number | undefined,
  { session, issued }: { session: Session; issued: Map<number, string> },
): boolean {
  if (place === undefined) return text === "UNAUTHORIZED";
  const known = issued.get(place);
  if (known === undefined) issued.set(place, text);
  else if (session.isAged && place < session.tokens.length) return text.includes(".") && isSame(known, text);
  return issued.get(place) === text;
}

/** Times that have been moved change the text of a token, but not its id. */
const isSame = (known: string, text: string) => decodeJwt(known).jti === decodeJwt(text).jti;

function apply(
  model: AccountModel,
  session: Session,
  { rotation, issued }: { rotation: Rotation; issued: Map<number, string> },
): void {
  const { current, rotatedAt, isReplayed, isReused } = rotation;
  const wasReplayed = session.isReplayed;
  if (current >= session.tokens.length) {
    session.tokens.push(...[...issued].slice(session.tokens.length).map(([, text]) => text));
    session.lastUse = model.story.length;
    session.idleExpiresAt = model.now + 14 * 86_400;
    session.isAged = false;
  }
  session.rotatedAt = rotatedAt;
  session.isReplayed = isReplayed;
  if (isReplayed && !wasReplayed) model.tell("owner", `session ${session.id} replayed late`);
  if (isReused) model.end("owner", session, "refresh_token_reused");
}
