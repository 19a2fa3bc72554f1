import { isLocal, parseDatabaseUrl, sslModeOf } from "./database-url/parse.ts";
import { type SslMode, stricter } from "./database-url/ssl.ts";
import { type ConfigVariable, logOriginOf, type Variables } from "./environment.ts";

/** Returns the maximum size of the pool: the variable, or the default of the environment. */
export const poolMax = (vars: Variables) => vars.DATABASE_POOL_MAX ?? (vars.NODE_ENV === "production" ? 20 : 10);

/** Whether the URL has the parameter `pgbouncer=true` of Prisma and Supabase. */
export const urlNamesTransactionPooler = (vars: Variables) =>
  vars.DATABASE_URL !== undefined && parseDatabaseUrl(vars.DATABASE_URL).transactionPooler === true;

/** A violation of a rule that involves several variables. */
interface CrossVariableFault {
  /** The variables that the rule reads. */
  readonly reads: readonly ConfigVariable[];
  readonly message: string;
}

/**
 * Returns the violations of rules that involve several variables.
 *
 * @param vars the valid variables
 * @param invalid the others, about which no rule can tell anything
 */
export function crossVariableFaults(vars: Variables, invalid: ReadonlySet<string> = new Set()): string[] {
  return [...combinationFaults(vars), ...(vars.NODE_ENV === "production" ? productionFaults(vars) : [])]
    .filter(({ reads }) => !reads.some((name) => invalid.has(name)))
    .map(({ message }) => message);
}

function combinationFaults(vars: Variables): CrossVariableFault[] {
  const faults: CrossVariableFault[] = [];
  if ((vars.DATABASE_POOL_MIN ?? 0) > poolMax(vars)) {
    faults.push({
      reads: ["DATABASE_POOL_MIN", "DATABASE_POOL_MAX", "NODE_ENV"],
      message: "DATABASE_POOL_MIN must not be more than DATABASE_POOL_MAX",
    });
  }
  if (vars.DATABASE_CA_FILE !== undefined && !/^verify-/.test(sslOf(vars) ?? "")) {
    faults.push({
      reads: ["DATABASE_CA_FILE", "DATABASE_SSL", "DATABASE_URL"],
      message: "DATABASE_CA_FILE is only used with DATABASE_SSL=verify-full (or verify-ca): set both, or neither",
    });
  }
  if (vars.DATABASE_CA_FILE !== undefined && vars.DATABASE_URL !== undefined) {
    if (parseDatabaseUrl(vars.DATABASE_URL).ssl.rootCertificate !== undefined)
      faults.push({
        reads: ["DATABASE_CA_FILE", "DATABASE_URL"],
        message: "DATABASE_CA_FILE and the sslrootcert of DATABASE_URL name the same thing: set one of them",
      });
  }
  if (vars.DATABASE_SSL !== undefined && sslOf(vars) !== vars.DATABASE_SSL) {
    faults.push({
      reads: ["DATABASE_SSL", "DATABASE_URL"],
      message: "DATABASE_SSL is laxer than the sslmode of DATABASE_URL: set one of them, or both alike",
    });
  }
  const [signingKey] = vars.AUDIT_SIGNING_KEY ?? [];
  if (signingKey !== undefined && vars.AUDIT_ORIGIN !== undefined && logOriginOf(signingKey) !== vars.AUDIT_ORIGIN)
    faults.push({
      reads: ["AUDIT_SIGNING_KEY", "AUDIT_ORIGIN"],
      message: `AUDIT_SIGNING_KEY has a key of ${logOriginOf(signingKey)}, and not of AUDIT_ORIGIN`,
    });
  return faults;
}

function productionFaults(vars: Variables): CrossVariableFault[] {
  const faults: CrossVariableFault[] = [];
  if (vars.DATABASE_URL === undefined) {
    faults.push({
      reads: ["DATABASE_URL"],
      message: "DATABASE_URL must be set in production: the embedded server is for development",
    });
  } else if (!isLocal(vars.DATABASE_URL) && sslOf(vars) === undefined) {
    faults.push({
      reads: ["DATABASE_URL", "DATABASE_SSL"],
      message:
        "DATABASE_SSL must be set in production when DATABASE_URL is on another host: verify-full (best) or require; " +
        "disable, if the network itself is trusted",
    });
  }
  if (vars.JWT_SECRET === undefined)
    faults.push({
      reads: ["JWT_SECRET"],
      message: "JWT_SECRET must be set in production, to the same value on every server",
    });
  if (vars.ENCRYPTION_KEYS === undefined)
    faults.push({
      reads: ["ENCRYPTION_KEYS"],
      message:
        "ENCRYPTION_KEYS must be set in production, to the same value on every server: `aeturnis-data keys generate` prints a key",
    });
  if (vars.AUDIT_SIGNING_KEY === undefined)
    faults.push({
      reads: ["AUDIT_SIGNING_KEY"],
      message:
        "AUDIT_SIGNING_KEY must be set in production, to the same value on every server: " +
        "`aeturnis-data audit key new --origin game.example/accounts` prints a key",
    });
  return faults;
}

/** Returns the TLS mode of DATABASE_SSL or the URL, the stricter if both are set; undefined if neither is. */
export function sslOf(vars: Variables): SslMode | undefined {
  const inUrl = vars.DATABASE_URL === undefined ? undefined : sslModeOf(vars.DATABASE_URL);
  const own = vars.DATABASE_SSL;
  return own === undefined || inUrl === undefined ? (own ?? inUrl) : stricter(own, inUrl);
}
