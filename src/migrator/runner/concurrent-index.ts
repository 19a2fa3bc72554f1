import { MigrationError } from "../errors.ts";
import { parse } from "../sql/grammar.ts";

/** The target of a statement that builds indexes concurrently. */
export interface IndexBuild {
  /** Name of the index; undefined for REINDEX, which generates the names of the new indexes. */
  readonly name: string | undefined;
  /** Quoted name of the table, or of the table or index that REINDEX rebuilds. */
  readonly on: string;
}

/**
 * Returns the CONCURRENTLY operation of a statement, found with PostgreSQL's parser; undefined when it has none.
 *
 * @throws {MigrationError} for CREATE INDEX CONCURRENTLY without a name
 */
export async function concurrentOperation(text: string): Promise<IndexBuild | "drop" | "other" | undefined> {
  const stmt = (await parse(text))?.[0]?.stmt;
  if (stmt === undefined) return undefined;
  if ("DropStmt" in stmt) return stmt.DropStmt.concurrent ? "drop" : undefined;
  if ("IndexStmt" in stmt) {
    const { concurrent, idxname, relation } = stmt.IndexStmt;
    if (!concurrent) return undefined;
    if (idxname !== undefined) return { name: idxname, on: quoted(relation) };
    throw new MigrationError(
      "CREATE INDEX CONCURRENTLY needs the name of the index, by which the migrator finds an invalid index after a failure.",
    );
  }
  if ("ReindexStmt" in stmt) {
    const { params, relation } = stmt.ReindexStmt;
    const isConcurrent = params?.some((param) => "DefElem" in param && param.DefElem.defname === "concurrently");
    if (!isConcurrent) return undefined;
    return relation === undefined ? "other" : { name: undefined, on: quoted(relation) };
  }
  if ("AlterTableStmt" in stmt) {
    // DETACH PARTITION … CONCURRENTLY is the only ALTER TABLE that PostgreSQL does not run in a transaction.
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
