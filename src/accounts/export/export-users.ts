import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Db, Executor } from "../../database/index.ts";
import { exportedFields, readExport } from "../../repositories/index.ts";
import type { Format } from "../file-format.ts";
import { reported, writeFile } from "./output-file.ts";
import { csvLine, jsonLine } from "./write-rows.ts";

export interface ExportOptions {
  readonly db: Db;
  /** A file, which is there when it is whole, and not before; or a stream, which is left open. */
  readonly to: { readonly file: string } | { readonly output: Writable };
  readonly format: Format;
  readonly withPasswordHashes?: boolean | undefined;
  readonly withDeleted?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: { readonly rows: number }) => void) | undefined;
}

export interface ExportReport {
  readonly rows: number;
}

/** Writes all users as they are at one moment; what it writes with hashes, `importUsers` reads. */
export async function exportUsers(options: ExportOptions): Promise<ExportReport> {
  const { db, to, signal, withPasswordHashes = false, withDeleted = false } = options;
  const fields = exportedFields.filter(
    (field) => (field !== "passwordHash" || withPasswordHashes) && (field !== "deletedAt" || withDeleted),
  );
  let rows = 0;

  async function* texts(tx: Executor): AsyncGenerator<string> {
    const line = options.format === "csv" ? csvLine : jsonLine;
    if (options.format === "csv") yield `${fields.join(",")}\n`;
    for await (const users of readExport(tx, { fields, withDeleted })) {
      yield users.map((user) => line(user, fields)).join("");
      rows += users.length;
      options.onProgress?.({ rows });
    }
  }
  const write = (output: Writable, end: boolean) =>
    // All of it is of one moment, however long it takes: a cursor is by itself, and so is what may be read beside it.
    db.transaction((tx) => pipeline(texts(tx), output, { signal, end }), {
      isolationLevel: "repeatable read",
      accessMode: "read only",
    });

  if ("output" in to) await reported("The output", () => write(to.output, false));
  else await writeFile(to.file, (output) => write(output, true));
  return { rows };
}
