import { and, eq, getTableColumns, getTableName, type SQL, sql } from "drizzle-orm";
import type { PgColumn, PgTable, PgUpdateSetSource } from "drizzle-orm/pg-core";
import { v7 as uuidv7 } from "uuid";
import type { z } from "zod";
import {
  type BulkOptions,
  type BulkReport,
  type Check,
  checkedBy,
  deleteBatch,
  insertBatch,
  type RowSource,
  runBulk,
  unchecked,
  untangleUpdates,
  updateBatch,
} from "../bulk/index.ts";
import { type Actor, type Executor, inTransaction, runWrite, setAuditContext } from "../database/index.ts";
import { ConflictError, NotFoundError } from "../errors.ts";
import {
  type AnyFilter,
  exactCount,
  type Filter,
  flatten,
  isNarrow,
  type ListingOf,
  type ListOptions,
  type Page,
  type PageParts,
  readPage,
  whereOf,
} from "../query/index.ts";
import { formatInstant } from "../schema/index.ts";

/** What a repository stands on. */
export interface RepositoryParts extends PageParts {
  readonly db: Executor;
}

/** A table, as its repository sees it. */
export interface Definition<Table extends PgTable, Row> extends ListingOf<Row> {
  readonly table: Table;
  /** What one row is called, as in "There is no such user." */
  readonly noun: string;
  /** Keeps the row's version, where there is one: an update may say which it saw. */
  readonly version?: PgColumn;
  /** What a row must be before it is written, with messages for whoever wrote it: for rows in bulk. */
  readonly rules?: { readonly create: z.ZodType; readonly update: z.ZodType };
  /** Fields that are unique beside the key: they tell why a row of many was refused. */
  readonly unique?: readonly (keyof Row & string)[];
}

type Insert<Table extends PgTable> = Table["$inferInsert"];
/** A change of some fields; undefined leaves one as it is. */
export type Change<Table extends PgTable> = {
  readonly [Field in keyof Insert<Table>]?: Insert<Table>[Field] | undefined;
};

/**
 * Rows of one table in and out. Reads give the named columns and no others; writes say who makes them, so that the
 * audit trail knows. On the caller's transaction, given by `within`, or each in its own.
 */
export class Repository<Table extends PgTable, Row extends object> {
  readonly definition: Definition<Table, Row>;
  protected readonly db: Executor;
  protected readonly parts: RepositoryParts;
  #byId: ReturnType<Repository<Table, Row>["prepareOne"]> | undefined;

  constructor(parts: RepositoryParts, definition: Definition<Table, Row>) {
    this.definition = definition;
    this.parts = parts;
    this.db = parts.db;
  }

  /** The same repository on a transaction of the caller's. */
  within(tx: Executor): this {
    const Same = this.constructor as new (parts: RepositoryParts, definition: Definition<Table, Row>) => this;
    return new Same({ ...this.parts, db: tx }, this.definition);
  }

  /** @throws {NotFoundError} */
  async findById(id: string): Promise<Row> {
    this.#byId ??= this.prepareOne(eq(this.definition.key, sql.placeholder("id")), "by_id");
    return this.found(await this.#byId.execute({ id }));
  }

  /** The first row that matches, in the default order. @throws {InvalidInputError} for what no index answers on a large table */
  async findOne(where: Filter<Row>): Promise<Row | undefined> {
    const { items } = await this.list({ where, limit: 1 });
    return items[0];
  }

  /** A page of what matches. @throws {InvalidInputError} for what no index answers on a large table, unless `scan` */
  list(options: ListOptions<Row> & { readonly scan?: boolean } = {}): Promise<Page<Row>> {
    return readPage(this.db, this.definition, this.parts, options);
  }

  /** How many rows match. @throws {InvalidInputError} where that takes reading a large table, unless `scan` */
  async count(where: Filter<Row> = {} as never, { scan = false } = {}): Promise<number> {
    const filter = where as AnyFilter;
    const { table, visible } = this.definition;
    const source =
      scan || isNarrow(flatten(filter), this.definition)
        ? table
        : await this.parts.sizes.sourceOf(this.db, this.definition, filter, {
            field: "where",
            text: "this many rows cannot be counted one by one",
          });
    return exactCount(this.db, source, and(visible, whereOf(filter, this.definition)));
  }

  async create(by: Actor, values: Insert<Table>): Promise<Row> {
    const { table } = this.definition;
    const row = this.#withId(values);
    return this.found(
      await runWrite(this.db, async () => this.db.insert(table).values(row).returning(this.returning(by))),
    );
  }

  /**
   * Changes what is given and leaves the rest.
   *
   * @param options.version the version that the caller saw: refused if somebody was faster
   * @throws {NotFoundError}
   * @throws {ConflictError} when the row has another version by now
   */
  async update(
    by: Actor,
    id: string,
    change: Change<Table>,
    options: { version?: Date | undefined } = {},
  ): Promise<Row> {
    const condition = and(eq(this.definition.key, id), this.definition.visible);
    const rows = await this.change(by, and(condition, this.#isVersion(options.version)), change);
    if (rows.length === 0 && options.version !== undefined) {
      await this.findById(id);
      throw new ConflictError(`Somebody else changed this ${this.definition.noun} in the meantime: read it again.`, {
        field: "updatedAt",
      });
    }
    return this.found(rows);
  }

  /** Adds a row, or changes the one with this primary key. @throws {NotFoundError} when that is there, and not visible */
  async upsert(by: Actor, values: Insert<Table>): Promise<Row> {
    const { table, key, visible } = this.definition;
    const row = this.#withId(values);
    const rows = await runWrite(this.db, async () =>
      this.db
        .insert(table)
        .values(row)
        .onConflictDoUpdate({
          target: key,
          set: values as PgUpdateSetSource<Table>,
          ...(visible && { setWhere: visible }),
        })
        .returning(this.returning(by)),
    );
    return this.found(rows);
  }

  /** Removes a row for good. @throws {NotFoundError} */
  async hardDelete(by: Actor, id: string): Promise<void> {
    const { table, key } = this.definition;
    this.found(
      await runWrite(this.db, async () =>
        this.db
          .delete(table)
          .where(eq(key, id))
          .returning({ by: setAuditContext(by) }),
      ),
    );
  }

  /**
   * Adds any number of rows, some at a time, each lot in one statement.
   *
   * @param options.check makes a row to be written of a given one, in place of the definition's rule
   * @returns how many were added, and which were refused, by their place in `rows`, and why
   */
  createMany<Given = Insert<Table>>(
    by: Actor,
    rows: RowSource<Given>,
    options: BulkOptions & { readonly check?: Check<Given, Insert<Table>> } = {},
  ): Promise<BulkReport> {
    const { definition } = this;
    return runBulk(this.db, rows, options, {
      check: options.check ?? checkedBy<Insert<Table>>(definition.rules?.create),
      run: (tx, batch) =>
        insertBatch(
          tx,
          definition,
          by,
          batch.map(({ row, ...place }) => ({ ...place, row: this.#withId(row) })),
        ),
    });
  }

  /** Changes any number of rows, each in its own way; as `createMany`. */
  updateMany(
    by: Actor,
    changes: RowSource<{ readonly id: string; readonly version?: Date | undefined; readonly change: Change<Table> }>,
    options: BulkOptions = {},
  ): Promise<BulkReport> {
    const check = checkedBy<Change<Table>>(this.definition.rules?.update);
    return runBulk(this.db, changes, options, {
      check: ({ id, version, change }) => {
        const checked = check(change);
        return "refused" in checked ? checked : { row: { id, version, change: checked.row } };
      },
      run: (tx, batch) => updateBatch(tx, this.definition, by, batch),
      untangle: (db, batch) => untangleUpdates(db, this.definition, batch),
    });
  }

  /** Removes any number of rows for good; as `createMany`. */
  hardDeleteMany(by: Actor, ids: RowSource<string>, options: BulkOptions = {}): Promise<BulkReport> {
    return runBulk(this.db, ids, options, {
      check: unchecked<string>,
      run: (tx, batch) => deleteBatch(tx, this.definition, by, batch),
    });
  }

  /** Runs several calls as one: on the caller's transaction, or one of its own. */
  protected together<T>(work: (tx: Executor) => Promise<T>): Promise<T> {
    return inTransaction(this.db, work);
  }

  /** A look-up by a key. Named, postgres.js keeps it prepared on each connection. */
  protected prepareOne(condition: SQL, name: string) {
    const { columns, table, visible } = this.definition;
    return this.db
      .select(columns as Record<string, PgColumn>)
      .from(table as PgTable)
      .where(and(condition, visible))
      .limit(1)
      .prepare(`${getTableName(table)}_${name}`);
  }

  protected async change(by: Actor, condition: SQL | undefined, change: object): Promise<Row[]> {
    const isEmpty = Object.values(change).every((value) => value === undefined);
    // A change of nothing tells all the same whether the row is there.
    const set = (isEmpty ? this.#unchanged() : change) as PgUpdateSetSource<Table>;
    const { table } = this.definition;
    const update = async () => this.db.update(table).set(set).where(condition).returning(this.returning(by));
    return (await runWrite(this.db, update)) as never;
  }

  /** The columns that a caller gets, and with them who changes the row. */
  protected returning(by: Actor): Record<string, PgColumn> {
    return { ...this.definition.columns, [actorColumn]: setAuditContext(by) } as never;
  }

  /** @throws {NotFoundError} */
  protected found(rows: readonly object[]): Row {
    const [row] = rows as Record<string, unknown>[];
    if (row === undefined) throw new NotFoundError(`There is no such ${this.definition.noun}.`);
    const { [actorColumn]: _, ...shown } = row;
    return shown as Row;
  }

  #unchanged(): object {
    const { key, table } = this.definition;
    const field = Object.entries(getTableColumns(table)).find(([, column]) => column === key)?.[0] ?? key.name;
    return { [field]: sql`${key}` };
  }

  /** Times to the millisecond, because that is what a Date carries. */
  #isVersion(version: Date | undefined): SQL | undefined {
    const { version: column } = this.definition;
    if (version === undefined) return undefined;
    if (column === undefined) throw new TypeError(`${this.definition.noun} has no version`);
    return sql`date_trunc('milliseconds', ${column}) = ${formatInstant(version)}::timestamptz`;
  }

  /** Time-ordered ids (RFC 9562, 5.7) keep new rows together at one end of the index. */
  #withId<Values extends object>(values: Values): Values {
    return this.definition.key.name === "id" ? { id: uuidv7(), ...values } : values;
  }
}

const actorColumn = "recordedAs";
