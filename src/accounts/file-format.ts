export type FileFormat = "csv" | "jsonl" | "json";

const formatsByExtension: Readonly<Record<string, FileFormat>> = {
  csv: "csv",
  tsv: "csv",
  jsonl: "jsonl",
  ndjson: "jsonl",
  json: "json",
};

/** The format that a file's extension names, with or without `.gz`; undefined for any other extension. */
export function formatOf(path: string): FileFormat | undefined {
  const [, extension = ""] = /\.([a-z]+)(?:\.gz)?$/i.exec(path) ?? [];
  const name = extension.toLowerCase();
  return Object.hasOwn(formatsByExtension, name) ? formatsByExtension[name] : undefined;
}
