/** Which rows, as callers ask for it: the same form from the browser to the SQL. */
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
 * What must hold of one field: a value that it equals (null: that it has none), or one or more operators that
 * must all hold. Nothing equals null but null: `ne`, `notIn` and `not` take rows with none along.
 */
export type Condition<Value> =
  NonNullable<Value> extends JsonObject
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
        /** `*` stands for any text, everything else for itself: `mira*`, `*@example.com`. `\*` is a star. */
        readonly like?: string | undefined;
        /** The same, whatever the case. */
        readonly ilike?: string | undefined;
      }
    : unknown);

export interface JsonCondition {
  /** JSON that the value must hold: `{ guild: { id: 7 } }` (PostgreSQL manual, 8.14.3). */
  readonly contains?: JsonObject | undefined;
  readonly isNull?: boolean | undefined;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** In which order; rows with no value come last unless `nulls` says otherwise. */
export interface Sort<Field extends string> {
  readonly field: Field;
  readonly direction?: "asc" | "desc" | undefined;
  readonly nulls?: "first" | "last" | undefined;
}

/** Fields that rows can be ordered by: JSON and lists have no order that anybody would want. */
export type SortField<Row> = {
  [Field in keyof Row]: Row[Field] extends string | number | boolean | Date | null ? Field : never;
}[keyof Row] &
  string;

/** What a listing takes. */
export interface ListOptions<Row> {
  readonly where?: Filter<Row> | undefined;
  readonly sort?: Sort<SortField<Row>> | readonly Sort<SortField<Row>>[] | undefined;
  /** Rows a page, 1 to 100; 20 unless given. */
  readonly limit?: number | undefined;
  /** `nextCursor` or `previousCursor` of another page of the same listing. */
  readonly cursor?: string | null | undefined;
  /** The number of a page, from 1, for those who count pages. Deep ones are refused: follow a cursor. */
  readonly page?: number | undefined;
  /** Whether to count all rows too: `estimated` by PostgreSQL's statistics costs nothing. */
  readonly total?: "exact" | "estimated" | "none" | undefined;
}

/** A page of a listing. */
export interface Page<Row> {
  readonly items: Row[];
  /** Gives the page behind this one; null: this is the last. */
  readonly nextCursor: string | null;
  /** Gives the page before this one; null: this is the first. */
  readonly previousCursor: string | null;
  readonly hasNext: boolean;
  readonly hasPrevious: boolean;
  /** Rows of all pages; null unless asked for. */
  readonly total: number | null;
  /** Null without `total`. */
  readonly pageCount: number | null;
}
