/** Conditions of rows. The same form is used by clients, procedures and repositories. */
export type Filter<Row> = {
  readonly [Field in keyof Row]?: Condition<Row[Field]> | undefined;
} & {
  /** All of these must hold. */
  readonly and?: readonly Filter<Row>[] | undefined;
  /** One of these must hold. */
  readonly or?: readonly Filter<Row>[] | undefined;
  /** This must not hold. */
  readonly not?: Filter<Row> | undefined;
};

/**
 * A condition of one field: the value that it equals (null: it has no value), or operators that must all hold. Null
 * equals only null: `ne`, `notIn` and `not` include rows that have no value.
 */
export type Condition<Value> =
  NonNullable<Value> extends readonly (infer Element)[]
    ? ListCondition<Element> | (null extends Value ? null : never)
    : NonNullable<Value> extends JsonObject
      ? JsonCondition | (null extends Value ? null : never)
      : Value | Operators<NonNullable<Value>>;

export type Operators<Value> = {
  readonly eq?: Value | undefined;
  readonly ne?: Value | undefined;
  readonly in?: readonly Value[] | undefined;
  readonly notIn?: readonly Value[] | undefined;
  readonly isNull?: boolean | undefined;
} & ([Value] extends [boolean]
  ? unknown
  : {
      readonly gt?: Value | undefined;
      readonly gte?: Value | undefined;
      readonly lt?: Value | undefined;
      readonly lte?: Value | undefined;
    }) &
  ([Value] extends [string]
    ? {
        /** A pattern in which `*` matches any text: `mira*`, `*@example.com`. `\*` matches a star. */
        readonly like?: string | undefined;
        /** The same without regard to case. */
        readonly ilike?: string | undefined;
      }
    : unknown);

export interface ListCondition<Element> {
  /** Values that the list contains, all of them. */
  readonly contains?: readonly Element[] | undefined;
  readonly isNull?: boolean | undefined;
}

export interface JsonCondition {
  /** JSON that the value contains: `{ guild: { id: 7 } }` (PostgreSQL manual, 8.14.3). */
  readonly contains?: JsonObject | undefined;
  readonly isNull?: boolean | undefined;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** An order by one field. Rows that have no value come last unless `nulls` is "first". */
export interface Sort<Field extends string> {
  readonly field: Field;
  readonly direction?: "asc" | "desc" | undefined;
  readonly nulls?: "first" | "last" | undefined;
}

/** Fields that rows can be ordered by: all but JSON and lists. */
export type SortField<Row> = {
  [Field in keyof Row]: Row[Field] extends string | number | boolean | Date | null ? Field : never;
}[keyof Row] &
  string;

/** Options of a listing. */
export interface ListOptions<Row> {
  readonly where?: Filter<Row> | undefined;
  readonly sort?: Sort<SortField<Row>> | readonly Sort<SortField<Row>>[] | undefined;
  /** Rows of a page, 1 to 100. Default: 20. */
  readonly limit?: number | undefined;
  /** `nextCursor` or `previousCursor` of another page of the same listing. */
  readonly cursor?: string | null | undefined;
  /** The number of a page, from 1. At most 10,000 rows can be skipped: follow a cursor to go deeper. */
  readonly page?: number | undefined;
  /** Whether to count the rows of all pages. `estimated` uses PostgreSQL's statistics and reads no row. */
  readonly total?: "exact" | "estimated" | "none" | undefined;
}

/** A page of a listing. */
export interface Page<Row> {
  readonly items: Row[];
  /** The cursor of the next page; null on the last page. */
  readonly nextCursor: string | null;
  /** The cursor of the previous page; null on the first page. */
  readonly previousCursor: string | null;
  readonly hasNext: boolean;
  readonly hasPrevious: boolean;
  /** Rows of all pages; null unless `total` was requested. */
  readonly total: number | null;
  /** Number of pages; null unless `total` was requested. */
  readonly pageCount: number | null;
}
