import type { SQL } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import type { Executor } from "../database/index.ts";
import { NotFoundError } from "../errors.ts";
import { type AnyFilter, countMatching, type Filter, type ListOptions, type Page, readPage } from "../query/index.ts";
import type { Definition, RepositoryServices } from "./definition.ts";
import { prepareById, prepareSelect, prepareWrittenById } from "./statements.ts";
import type { WrittenRow } from "./written-row.ts";

/** Reads rows of one table. A row has the columns of the definition and no others. */
export class ReadRepository<Table extends PgTable, Row extends object> {
  readonly definition: Definition<Table, Row>;
  protected readonly db: Executor;
  protected readonly services: RepositoryServices;
  #byId: ReturnType<typeof prepareById<Table, Row>> | undefined;
  #writtenById: ReturnType<typeof prepareWrittenById<Table, Row>> | undefined;

  constructor(services: RepositoryServices, definition: Definition<Table, Row>) {
    this.definition = definition;
    this.services = services;
    this.db = services.db;
  }

  /** The same repository on the caller's transaction. */
  withTransaction(tx: Executor): this {
    const Same = this.constructor as new (services: RepositoryServices, definition: Definition<Table, Row>) => this;
    return new Same({ ...this.services, db: tx }, this.definition);
  }

  /** @throws {NotFoundError} */
  async findById(id: string): Promise<Row> {
    this.#byId ??= prepareById<Table, Row>(this.db, this.definition);
    const row = await this.#byId({ id });
    if (row === undefined) throw this.notFoundError();
    return row;
  }

  /** The row as JSON, for an answer. @throws {NotFoundError} */
  async findWrittenById(id: string): Promise<WrittenRow<Row>> {
    this.#writtenById ??= prepareWrittenById<Table, Row>(this.db, this.definition);
    const row = await this.#writtenById({ id });
    if (row === undefined) throw this.notFoundError();
    return row;
  }

  /**
   * The first row that matches, in the default order.
   *
   * @throws {InvalidInputError} for a filter that no index answers on a large table
   */
  async findOne(where: Filter<Row>): Promise<Row | undefined> {
    const { items } = await this.list({ where, limit: 1 });
    return items[0];
  }

  /**
   * A page of the rows that match.
   *
   * @param options.scan allows to read the whole of a large table
   * @throws {InvalidInputError} for a request that no index answers on a large table
   */
  list(options: ListOptions<Row> & { readonly scan?: boolean } = {}): Promise<Page<Row>> {
    return readPage(this.db, this.definition, this.services, options);
  }

  /**
   * The number of rows that match.
   *
   * @param options.scan allows to read the whole of a large table
   * @throws {InvalidInputError} for a filter that requires to read a large table
   */
  async count(where: Filter<Row> = {} as never, { scan = false } = {}): Promise<number> {
    const { scanGuard } = this.services;
    return countMatching(this.db, this.definition, { filter: where as AnyFilter, scanGuard, scan });
  }

  protected prepareOne(condition: SQL, name: string) {
    return prepareSelect(this.db, this.definition, { condition, name });
  }

  /** The first of the rows that a statement returns. @throws {NotFoundError} if there is none */
  protected found(rows: readonly object[]): Row {
    const [row] = rows;
    if (row === undefined) throw this.notFoundError();
    return row as Row;
  }

  protected notFoundError(): NotFoundError {
    return new NotFoundError(`There is no such ${this.definition.noun}.`);
  }
}
