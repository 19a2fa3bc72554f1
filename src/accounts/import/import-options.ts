import type { Readable } from "node:stream";
import type { Actor, Db } from "../../database/index.ts";
import type { Repositories } from "../../repositories/index.ts";
import type { FileFormat } from "../file-format.ts";
import type { FieldMapping } from "../mapping/field-mapping.ts";
import type { ImportCheckpoint } from "./checkpoint.ts";
import type { RejectedRowWriter } from "./rejected-rows.ts";

export interface ImportOptions {
  readonly db: Db;
  readonly repositories: Pick<Repositories, "users" | "audit">;
  readonly by: Actor;
  /** A file, whose import can be resumed; or a stream, whose rejected rows go to `rejectedRows`. */
  readonly from: { readonly file: string } | { readonly input: Readable; readonly rejectedRows: RejectedRowWriter };
  readonly format: FileFormat;
  /** By default, columns and keys have the names of the fields. */
  readonly mapping?: FieldMapping | undefined;
  /** Lets users with the role `user` have a reserved name. */
  readonly allowReservedNames?: boolean | undefined;
  /** Imports all rows or none, in one transaction. */
  readonly atomic?: boolean | undefined;
  /** Begins anew, even if the file is partly or wholly imported. */
  readonly restart?: boolean | undefined;
  /** Stops the import after the current batch. */
  readonly signal?: AbortSignal | undefined;
  /** Called for each batch, before its transaction commits. */
  readonly onProgress?: ((progress: ImportProgress) => void) | undefined;
}

interface ImportCounts extends Pick<ImportCheckpoint, "rows" | "imported" | "refused"> {
  /** Rows that earlier attempts imported or rejected; `rows` includes them. */
  readonly resumedBehind: number;
}

export interface ImportProgress extends ImportCounts {
  /** Bytes of the file that this attempt has read. */
  readonly bytesRead: number;
}

export interface ImportReport extends ImportCounts {
  /**
   * `done`: the whole file is read; `stopped`: `signal` ended it early; `repeated`: the file was imported before, and
   * nothing was done; `undone`: an atomic import with rejected rows, rolled back.
   */
  readonly outcome: "done" | "repeated" | "undone" | "stopped";
  /** Id of the import: the `resourceId` of its entries in the audit trail, with the resource type `import`. */
  readonly run: string;
  readonly refusedFile: string | null;
  /** Counts of values that this attempt did not import, by the name of their column or key. */
  readonly leftOut: Readonly<Record<string, number>>;
}
