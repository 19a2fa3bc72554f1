import { and, eq, isNull, sql } from "drizzle-orm";
import type { AnyPgColumn, PgTable } from "drizzle-orm/pg-core";
import { type BulkOptions, type BulkReport, type RowSource, runBulk, unchecked, updateBatch } from "../bulk/index.ts";
import type { Actor } from "../database/index.ts";
import { Repository } from "./base.ts";

/** A table whose rows are marked as deleted, and can come back. */
export type SoftDeletable = PgTable & { readonly deletedAt: AnyPgColumn };

/** A repository of such a table; its definition's `visible` leaves marked rows out. */
export class SoftDeleteRepository<Table extends SoftDeletable, Row extends object> extends Repository<Table, Row> {
  /** Marks a row as deleted: no ordinary read sees it any more. @throws {NotFoundError} also when it is marked already */
  async softDelete(by: Actor, id: string): Promise<Row> {
    return this.found(
      await this.change(by, and(eq(this.definition.key, id), isNull(this.definition.table.deletedAt)), {
        deletedAt: sql`now()`,
      }),
    );
  }

  /** Brings a deleted row back. @throws {NotFoundError} when there is none that is marked */
  async restore(by: Actor, id: string): Promise<Row> {
    const condition = and(eq(this.definition.key, id), sql`${this.definition.table.deletedAt} is not null`);
    return this.found(await this.change(by, condition, { deletedAt: null }));
  }

  /** Marks any number of rows as deleted; as `createMany`. */
  softDeleteMany(by: Actor, ids: RowSource<string>, options: BulkOptions = {}): Promise<BulkReport> {
    // PostgreSQL's word for the time at which the transaction began (manual, 8.5.1.4).
    const change = { deletedAt: "now" };
    return runBulk(this.db, ids, options, {
      check: unchecked<string>,
      run: (tx, batch) =>
        updateBatch(
          tx,
          this.definition,
          by,
          batch.map(({ index, row: id }) => ({ index, row: { id, change } })),
        ),
    });
  }
}
