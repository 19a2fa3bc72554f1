import { MigrationError } from "../errors.ts";
import { parse } from "../sql/grammar.ts";

/** Indexes that a statement builds beside readers and writers. */
export interface Build {
  /** The index; undefined when they are built anew, under names that PostgreSQL makes up. */
  readonly name: string | undefined;
  /** The table, or the index that is built anew; quoted, for to_regclass. */
  readonly on: string;
}

/** What a statement does CONCURRENTLY, by PostgreSQL's own parser; undefined when it keeps others waiting. */
export async function concurrentOperation(text: string): Promise<Build | "drop" | "other" | undefined> {
  const stmt = (await parse(text))?.[0]?.stmt;
  if (stmt === undefined) return undefined;
  if ("DropStmt" in stmt) return stmt.DropStmt.concurrent ? "drop" : undefined;
  if ("IndexStmt" in stmt) {
    const { concurrent, idxname, relation } = stmt.IndexStmt;
    if (!concurrent) return undefined;
    if (idxname !== undefined) return { name: idxname, on: quoted(relation) };
    throw new MigrationError(
      "An index that is built concurrently needs a name in its statement, so that what a failure leaves can be found.",
    );
  }
  if ("ReindexStmt" in stmt) {
    const { params, relation } = stmt.ReindexStmt;
    const isConcurrent = params?.some((param) => "DefElem" in param && param.DefElem.defname === "concurrently");
    if (!isConcurrent) return undefined;
    return relation === undefined ? "other" : { name: undefined, on: quoted(relation) };
  }
  if ("AlterTableStmt" in stmt) {
    // The only form of it that PostgreSQL does not run in a transaction.
    return "other";
  }
  return undefined;
}

function quoted(relation: { schemaname?: string; relname?: string } | undefined): string {
  return [relation?.schemaname, relation?.relname]
    .filter((part) => part !== undefined)
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join(".");
}
