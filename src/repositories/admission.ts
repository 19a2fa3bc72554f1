import { and, eq, inArray, type SQL, sql } from "drizzle-orm";
import { userSecurity, userSessions, users } from "../schema/index.ts";
import type { SessionStage, UserRole } from "./row-types.ts";
import { isActiveAccount, isLiveSession } from "./session-queries.ts";
import { recentlyAuthenticated, sessionStage } from "./session-stage.ts";
import { typedPlaceholder } from "./typed-placeholder.ts";

/** What a statement requires of the account and session in whose name it runs. */
export interface AdmissionRules {
  /** Undefined for any role. */
  readonly roles: readonly UserRole[] | undefined;
  readonly stages: readonly SessionStage[];
  /** Whether the owner must have proved their identity within the last 10 minutes. */
  readonly recent: boolean;
}

/** A caller whose access a statement checks itself, in place of a look-up before it. */
export class Admission {
  readonly rules: AdmissionRules;
  /** Placeholders of the condition. */
  readonly values: { readonly callerId: string; readonly callerSessionId: string };
  /** Looks the caller up. @throws the reason why it is not admitted */
  readonly confirm: () => Promise<unknown>;
  #isChecked = false;

  constructor(admission: Pick<Admission, "rules" | "values" | "confirm">) {
    this.rules = admission.rules;
    this.values = admission.values;
    this.confirm = admission.confirm;
  }

  /** Whether a statement with the condition has run. */
  get isChecked(): boolean {
    return this.#isChecked;
  }

  /** Identifies the text of the condition. */
  get name(): string {
    const { roles, stages, recent } = this.rules;
    return `${roles?.join()} ${stages.join()} ${recent}`;
  }

  /** Returns the values of the condition's placeholders for a statement that is about to run. */
  check(): Admission["values"] {
    this.#isChecked = true;
    return this.values;
  }
}

/** The condition that the caller's account is active, and its session live and within the rules. */
export function admissionCondition({ roles, stages, recent }: AdmissionRules): SQL {
  const admitted = and(
    eq(users.id, typedPlaceholder("callerId", "uuid")),
    eq(userSessions.id, typedPlaceholder("callerSessionId", "uuid")),
    isActiveAccount,
    isLiveSession,
    inArray(sessionStage, ["full", ...stages]),
    roles && inArray(users.role, [...roles]),
    recent ? recentlyAuthenticated : undefined,
  );
  return sql`exists (select from ${users}
    inner join ${userSecurity} on ${userSecurity.userId} = ${users.id}
    inner join ${userSessions} on ${userSessions.userId} = ${users.id}
    where ${admitted})`;
}
