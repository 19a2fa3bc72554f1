import { v7 as uuidv7 } from "uuid";
import { ImportExportError } from "../errors.ts";
import { type ImportCheckpoint, initialCheckpoint } from "./checkpoint.ts";
import { type FileIdentity, identifyFile, isSameFile } from "./file-identity.ts";
import { type ProgressFile, progressFilePath, readProgressFile, writeProgressFile } from "./progress-file.ts";

/** An import of one file, which may take several attempts, and the checkpoint at which this attempt starts. */
export interface StartedImport {
  readonly run: string;
  readonly start: ImportCheckpoint;
}

export interface ResumeOptions {
  /** Begins anew, even if the file is partly or wholly imported. */
  readonly restart: boolean;
  /** How the file is read. It must not change while the file is partly imported. */
  readonly reading: string;
  readonly checkpointOf: (run: string) => Promise<ImportCheckpoint>;
}

/**
 * Resumes the import that `<file>.progress.json` names, or begins a new one. The caller holds a lock on the file name, so
 * that two processes that begin at the same moment share one import.
 *
 * @throws {ImportExportError} if the file is partly imported, and the file or `reading` has changed since
 */
export async function resumeOrBegin(file: string, options: ResumeOptions): Promise<StartedImport> {
  const path = progressFilePath(file);
  const identity = await identifyFile(file);
  const progress = options.restart ? undefined : await readProgressFile(path);
  const resumed = progress && (await resume(progress, { ...options, file, identity }));
  if (resumed !== undefined) return resumed;

  const run = uuidv7();
  await writeProgressFile(path, { run, file: identity, reading: options.reading, begun: new Date().toISOString() });
  return { run, start: initialCheckpoint };
}

/** Returns undefined if the progress file is of an ended import of another file. */
async function resume(
  { run, file: begunWith, reading: begunReading }: ProgressFile,
  options: ResumeOptions & { readonly file: string; readonly identity: FileIdentity },
): Promise<StartedImport | undefined> {
  const { file, identity, reading } = options;
  const start = await options.checkpointOf(run);
  const isPartlyImported = start.rows > 0 && !start.ended;
  const isSame = isSameFile(begunWith, identity);
  if (isPartlyImported && begunReading !== reading)
    throw new ImportExportError(
      `The import of ${file} began with another --format, --from or --map, and ${start.rows} rows of it are done. ` +
        "Continue with the same options; or begin anew with --restart, which rejects rows that are already imported.",
    );
  if (isPartlyImported && !isSame)
    throw new ImportExportError(
      `${file} has changed since its import began, and ${start.rows} rows of it are done. ` +
        "Restore the file; or begin anew with --restart, which rejects rows that are already imported.",
    );
  return isSame ? { run, start } : undefined;
}
