import { and, eq, isNull, sql } from "drizzle-orm";
import type { AnyPgColumn, PgTable } from "drizzle-orm/pg-core";
import { type BulkOptions, type BulkReport, type RowSource, runBulk, unchecked, updateBatch } from "../bulk/index.ts";
import type { Actor } from "../database/index.ts";
import { Repository } from "./base.ts";

/** A table whose rows can be marked as deleted and restored. */
export type SoftDeletable = PgTable & { readonly deletedAt: AnyPgColumn };

/** A repository of such a table. The condition `visible` of its definition excludes rows that are marked as deleted. */
export class SoftDeleteRepository<Table extends SoftDeletable, Row extends object> extends Repository<Table, Row> {
  /** Marks a row as deleted, which hides it from reads. @throws {NotFoundError} also if it is marked already */
  async softDelete(by: Actor, id: string): Promise<Row> {
    return this.found(
      await this.change(by, and(eq(this.definition.key, id), isNull(this.definition.table.deletedAt)), {
        deletedAt: sql`now()`,
      }),
    );
  }

  /** Removes the mark. @throws {NotFoundError} if no marked row has this id */
  async restore(by: Actor, id: string): Promise<Row> {
    const condition = and(eq(this.definition.key, id), sql`${this.definition.table.deletedAt} is not null`);
    return this.found(await this.change(by, condition, { deletedAt: null }));
  }

  /** Marks any number of rows as deleted, in batches like `createMany`. */
  softDeleteMany(by: Actor, ids: RowSource<string>, options: BulkOptions = {}): Promise<BulkReport> {
    // The special value for the start of the transaction (PostgreSQL manual, 8.5.1.4).
    const change = { deletedAt: "now" };
    return runBulk(this.db, ids, options, {
      check: unchecked<string>,
      write: (tx, batch) =>
        updateBatch(tx, {
          target: this.definition,
          by,
          rows: batch.map(({ index, row: id }) => ({ index, row: { id, change } })),
        }),
    });
  }
}
