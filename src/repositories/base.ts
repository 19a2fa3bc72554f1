import { eq, type SQL } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import { v7 as uuidv7 } from "uuid";
import {
  type BulkOptions,
  type BulkReport,
  type Check,
  changedError,
  checkedBy,
  deleteBatch,
  type EncodedRow,
  encodedBy,
  insertBatch,
  insertNewBatch,
  type RowSource,
  runBulk,
  separateConflictingUpdates,
  unchecked,
  updateBatch,
} from "../bulk/index.ts";
import type { Actor } from "../database/index.ts";
import type { Admission } from "./admission.ts";
import type { Change, Insert } from "./definition.ts";
import { ReadRepository } from "./read-repository.ts";
import { createRowUpdate } from "./row-update.ts";
import { deleteRows, insertRow, updateRows } from "./statements.ts";

/**
 * Reads and writes rows of one table. Each write records its actor for the audit trail. Each call is a transaction of
 * its own; a repository of `withTransaction` runs in the caller's.
 */
export class Repository<Table extends PgTable, Row extends object> extends ReadRepository<Table, Row> {
  #update: ReturnType<typeof createRowUpdate<Table, Row>> | undefined;
  /** Inserts a row. An absent `id` is generated. @throws {ConflictError} for a unique value that exists */
  async create(by: Actor, values: Insert<Table>): Promise<Row> {
    return this.found(await insertRow(this.db, this.definition, { by, row: this.#withId(values) }));
  }

  /**
   * Changes the given fields of a row.
   *
   * @param options.version the version that the caller read
   * @param options.admission the caller, if the statement must check its access
   * @throws {NotFoundError}
   * @throws {ConflictError} if the row has another version
   */
  async update(
    by: Actor,
    id: string,
    change: Change<Table>,
    { version, admission }: { version?: Date | undefined; admission?: Admission | undefined } = {},
  ): Promise<Row> {
    this.#update ??= createRowUpdate(this.db, this.definition);
    const row = await this.#update(by, { id, change, version, admission });
    if (row !== undefined) return row;
    if (admission !== undefined) {
      await admission.confirm();
      return this.update(by, id, change, { version });
    }
    if (version === undefined) throw this.notFoundError();
    await this.findById(id);
    throw changedError(this.definition);
  }

  /**
   * Inserts a row, or updates the row with this primary key.
   *
   * @throws {NotFoundError} if the row with this key is not visible
   */
  async upsert(by: Actor, values: Insert<Table>): Promise<Row> {
    const row = this.#withId(values);
    return this.found(await insertRow(this.db, this.definition, { by, row, upsert: values }));
  }

  /** Deletes a row from the table. @throws {NotFoundError} */
  async hardDelete(by: Actor, id: string): Promise<void> {
    const { table, key } = this.definition;
    const deleted = await deleteRows(this.db, table, { by, condition: eq(key, id) });
    if (deleted === 0) throw this.notFoundError();
  }

  /**
   * Inserts any number of rows, in batches of one statement each.
   *
   * @param options.check validates a given row and maps it to the row to insert, in place of the definition's rule
   * @returns the number of rows inserted, and the refused rows with their index in `rows`
   */
  createMany<Given = Insert<Table>>(
    by: Actor,
    rows: RowSource<Given>,
    options: BulkOptions & { readonly check?: Check<Given, Insert<Table>> } = {},
  ): Promise<BulkReport> {
    const target = this.definition;
    return runBulk<Given, EncodedRow>(this.db, rows, options, {
      check: encodedBy(options.check ?? checkedBy<Insert<Table>>(target.rules?.create), {
        target,
        complete: (row) => this.#withId(row),
      }),
      writeWithoutConflict: (tx, batch) => insertNewBatch(tx, { target, by, rows: batch }),
      write: (tx, batch) => insertBatch(tx, { target, by, rows: batch }),
    });
  }

  /** Updates any number of rows, each with its own change, in batches like `createMany`. */
  updateMany(
    by: Actor,
    changes: RowSource<{ readonly id: string; readonly version?: Date | undefined; readonly change: Change<Table> }>,
    options: BulkOptions = {},
  ): Promise<BulkReport> {
    const target = this.definition;
    const check = checkedBy<Change<Table>>(target.rules?.update);
    return runBulk(this.db, changes, options, {
      check: ({ id, version, change }) => {
        const checked = check(change);
        return "refused" in checked ? checked : { row: { id, version, change: checked.row } };
      },
      write: (tx, rows) => updateBatch(tx, { target, by, rows }),
      separateConflicts: (db, rows) => separateConflictingUpdates(db, target, rows),
    });
  }

  /** Deletes any number of rows from the table, in batches like `createMany`. */
  hardDeleteMany(by: Actor, ids: RowSource<string>, options: BulkOptions = {}): Promise<BulkReport> {
    return runBulk(this.db, ids, options, {
      check: unchecked<string>,
      write: (tx, rows) => deleteBatch(tx, { target: this.definition, by, rows }),
    });
  }

  protected change(by: Actor, condition: SQL | undefined, change: object): Promise<Row[]> {
    return updateRows(this.db, this.definition, { by, condition, change });
  }

  /** UUIDs of version 7 (RFC 9562, 5.7) increase with time, so new rows are inserted at one end of the index. */
  #withId<Values extends object>(values: Values): Values {
    const hasId = this.definition.key.name !== "id" || (values as { id?: unknown }).id !== undefined;
    return hasId ? values : { ...values, id: uuidv7() };
  }
}
