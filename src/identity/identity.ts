import type { SessionConfig } from "../config/index.ts";
import type { Db } from "../database/index.ts";
import type { Repositories } from "../repositories/index.ts";
import { type AccessTokens, createAccessTokens } from "./access-tokens.ts";
import type { AuthenticationLog } from "./authentication-log.ts";
import type { SecretCipher } from "./encryption/secret-cipher.ts";
import { createOwnPassword, type OwnPassword } from "./own-password.ts";
import { createPasswordCheck } from "./password/password-check.ts";
import type { Passwords } from "./password/passwords.ts";
import { createRefresh, type Refresh } from "./refresh.ts";
import { createRefreshTokens } from "./refresh-tokens.ts";
import { createFactorCheck } from "./second-factor/factor-check.ts";
import { createOwnFactor, type OwnFactor } from "./second-factor/own-factor.ts";
import { createSecondFactor } from "./second-factor/second-factor.ts";
import { createStartSession } from "./session-start.ts";
import { createIssueTokens } from "./session-tokens.ts";
import { createSignIn, type SignIn } from "./sign-in.ts";

/** Signing in and staying signed in. */
export interface Identity extends SignIn {
  readonly accessTokens: AccessTokens;
  readonly refresh: Refresh;
  readonly ownPassword: OwnPassword;
  readonly ownFactor: OwnFactor;
}

/** @param options.secrets newest first; the keys of tokens are derived from them */
export function createIdentity({
  db,
  repositories,
  passwords,
  cipher,
  secrets,
  config,
  authentications,
}: {
  readonly db: Db;
  readonly repositories: Repositories;
  readonly passwords: Passwords;
  readonly cipher: SecretCipher;
  readonly secrets: readonly string[];
  readonly config: SessionConfig;
  readonly authentications: AuthenticationLog;
}): Identity {
  const { sessions } = repositories;
  const accessTokens = createAccessTokens(secrets);
  const refreshTokens = createRefreshTokens(secrets);
  const issueTokens = createIssueTokens({ accessTokens, refreshTokens });
  const startSession = createStartSession({ sessions, issueTokens, config });
  const secondFactor = createSecondFactor({ ...repositories, cipher });
  const checkFactor = createFactorCheck({ ...repositories, secondFactor, authentications });
  const checkPassword = createPasswordCheck({ ...repositories, passwords, authentications });
  return {
    accessTokens,
    ...createSignIn({ repositories, checkPassword, checkFactor, startSession, authentications }),
    refresh: createRefresh({ sessions, refreshTokens, issueTokens, config, authentications }),
    ownPassword: createOwnPassword({ db, repositories, checkPassword, passwords, authentications }),
    ownFactor: createOwnFactor({ sessions, secondFactor, checkFactor, authentications }),
  };
}
