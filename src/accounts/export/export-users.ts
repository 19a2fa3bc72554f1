import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Db, Executor } from "../../database/index.ts";
import { exportedFields, readExport } from "../../repositories/index.ts";
import type { FileFormat } from "../file-format.ts";
import { writeFileAtomically } from "./output-file.ts";
import { csvLine, jsonLine } from "./row-text.ts";
import { withFileErrors } from "./write-error.ts";

export interface ExportOptions {
  readonly db: Db;
  /** A file, which is replaced once the export is complete; or a stream, which is left open. */
  readonly to: { readonly file: string } | { readonly output: Writable };
  /** `json` writes JSON lines, too. */
  readonly format: FileFormat;
  readonly withPasswordHashes?: boolean | undefined;
  readonly withDeleted?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: { readonly rows: number }) => void) | undefined;
}

export interface ExportReport {
  readonly rows: number;
}

/**
 * Writes all users in the order of their ids, from one snapshot of the database. `importUsers` reads an export that has
 * password hashes.
 *
 * @throws {ImportExportError} if the output cannot be written
 */
export async function exportUsers(options: ExportOptions): Promise<ExportReport> {
  const { db, to, format, signal, onProgress, withPasswordHashes = false, withDeleted = false } = options;
  const fields = exportedFields.filter(
    (field) => (field !== "passwordHash" || withPasswordHashes) && (field !== "deletedAt" || withDeleted),
  );
  let rows = 0;

  async function* lines(tx: Executor): AsyncGenerator<string> {
    const lineOf = format === "csv" ? csvLine : jsonLine;
    if (format === "csv") yield `${fields.join(",")}\n`;
    for await (const users of readExport(tx, { fields, withDeleted })) {
      yield users.map((user) => lineOf(user, fields)).join("");
      rows += users.length;
      onProgress?.({ rows });
    }
  }
  const write = (output: Writable, { end }: { end: boolean }) =>
    // REPEATABLE READ gives all statements of the export one snapshot.
    db.transaction((tx) => pipeline(lines(tx), output, { signal, end }), {
      isolationLevel: "repeatable read",
      accessMode: "read only",
    });

  if ("output" in to) await withFileErrors("The output", () => write(to.output, { end: false }));
  else await writeFileAtomically(to.file, (output) => write(output, { end: true }));
  return { rows };
}
