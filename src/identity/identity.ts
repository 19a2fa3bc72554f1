import type { SessionConfig } from "../config/index.ts";
import type { Db } from "../database/index.ts";
import type { Repositories } from "../repositories/index.ts";
import { type AccessTokens, createAccessTokens } from "./access-tokens.ts";
import { createOwnPassword, type OwnPassword } from "./own-password.ts";
import { createPasswordCheck } from "./password/password-check.ts";
import type { Passwords } from "./password/passwords.ts";
import { createRefresh, type Refresh } from "./refresh.ts";
import { createRefreshTokens } from "./refresh-tokens.ts";
import { createIssueTokens } from "./session-tokens.ts";
import { createSignIn, type SignIn } from "./sign-in.ts";

/** Signing in and staying signed in. */
export interface Identity {
  readonly accessTokens: AccessTokens;
  readonly signIn: SignIn;
  readonly refresh: Refresh;
  readonly ownPassword: OwnPassword;
}

/** @param options.secrets newest first; the keys of tokens are derived from them */
export function createIdentity({
  db,
  repositories,
  passwords,
  secrets,
  config,
}: {
  readonly db: Db;
  readonly repositories: Pick<Repositories, "attempts" | "credentials" | "sessions">;
  readonly passwords: Passwords;
  readonly secrets: readonly string[];
  readonly config: SessionConfig;
}): Identity {
  const { sessions } = repositories;
  const accessTokens = createAccessTokens(secrets);
  const refreshTokens = createRefreshTokens(secrets);
  const issueTokens = createIssueTokens({ sessions, accessTokens, refreshTokens });
  const checkPassword = createPasswordCheck({ ...repositories, passwords });
  return {
    accessTokens,
    signIn: createSignIn({ db, repositories, checkPassword, issueTokens, config }),
    refresh: createRefresh({ sessions, refreshTokens, issueTokens, config }),
    ownPassword: createOwnPassword({ db, repositories, checkPassword, passwords }),
  };
}
