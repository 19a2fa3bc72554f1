import { and, eq, getTableName, gt, isNotNull, ne, type SQL, sql } from "drizzle-orm";
import { type Actor, inTransaction, setAuditContext } from "../database/index.ts";
import { userSecurity } from "../schema/index.ts";
import { TransactionalRepository } from "./transactional.ts";

/** Columns with encrypted secrets. */
const columns = { factor: userSecurity.twoFactorSecret, enrolment: userSecurity.twoFactorPendingSecret };

/** A column with encrypted secrets: of factors, or of enrolments that are not confirmed. */
export type SecretColumn = keyof typeof columns;

/** A secret as it is stored. */
export interface EncryptedSecret {
  readonly userId: string;
  readonly text: string;
}

/** A secret as it was read, and its text under another key. */
export interface Reencryption extends EncryptedSecret {
  readonly replacement: string;
}

const keyIdOf = (column: SecretColumn): SQL<string> => sql<string>`split_part(${columns[column]}, '.', 2)`;

/** The encrypted secrets of all accounts. */
export class EncryptedSecretRepository extends TransactionalRepository {
  /**
   * The ids of the keys that factors are encrypted with. It reads one entry of the index for each id, where `select
   * distinct` would read all (PostgreSQL wiki, Loose indexscan).
   */
  async keyIds(): Promise<string[]> {
    const next = (condition: SQL | undefined) => sql`
      (select ${keyIdOf("factor")} as key_id from ${userSecurity}
      where ${and(isNotNull(columns.factor), condition)} order by 1 limit 1)`;
    const later = next(sql`${keyIdOf("factor")} > in_use.key_id`);
    const rows = await this.db.execute(sql`
      with recursive in_use as (
        ${next(undefined)}
        union all
        select later.key_id from in_use cross join lateral ${later} as later
      )
      select key_id from in_use`);
    return rows.map((row) => String(row["key_id"]));
  }

  /**
   * Secrets of one key, or of all keys but one, in the order of their accounts.
   *
   * @param options.keyId the id of their key; or `exceptKeyId`, which no index answers: for the few enrolments only
   * @param options.after the account of the last secret of the previous batch
   */
  async read(
    column: SecretColumn,
    options: { keyId?: string; exceptKeyId?: string; after?: string | undefined; limit: number },
  ): Promise<EncryptedSecret[]> {
    const { keyId, exceptKeyId, after, limit } = options;
    const rows = await this.db
      .select({ userId: userSecurity.userId, text: columns[column] })
      .from(userSecurity)
      .where(
        and(
          isNotNull(columns[column]),
          keyId === undefined ? undefined : eq(keyIdOf(column), keyId),
          exceptKeyId === undefined ? undefined : ne(keyIdOf(column), exceptKeyId),
          after === undefined ? undefined : gt(userSecurity.userId, after),
        ),
      )
      .orderBy(userSecurity.userId)
      .limit(limit);
    return rows as EncryptedSecret[];
  }

  /** Replaces the texts that are still the ones that were read. @returns their number */
  async replace(by: Actor, column: SecretColumn, secrets: readonly Reencryption[]): Promise<number> {
    if (secrets.length === 0) return 0;
    const name = sql.identifier(columns[column].name);
    const given = JSON.stringify(secrets.map(({ userId, text, replacement }) => ({ id: userId, text, replacement })));
    // Two rotations at once may deadlock, because each locks many rows: the transaction is then repeated.
    const replaced = await inTransaction(this.db, async (tx) =>
      tx.execute(sql`
        update ${userSecurity} set ${name} = given.replacement
        from jsonb_to_recordset(${given}::jsonb) as given (id uuid, text text, replacement text)
        where ${userSecurity.userId} = given.id and ${columns[column]} = given.text
        returning ${setAuditContext(by)}`),
    );
    return replaced.length;
  }
}

/** Where the secret of an account is stored, for the associated data of its ciphertext. */
export const secretPlace = (column: SecretColumn, userId: string) => ({
  table: getTableName(userSecurity),
  column: columns[column].name,
  rowId: userId,
});
