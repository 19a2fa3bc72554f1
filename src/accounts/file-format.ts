export type Format = "csv" | "jsonl" | "json";

const endings: Readonly<Record<string, Format>> = {
  csv: "csv",
  tsv: "csv",
  jsonl: "jsonl",
  ndjson: "jsonl",
  json: "json",
};

/** The format that a file's name tells, also of one that is compressed. */
export function formatOf(path: string): Format | undefined {
  const [, ending = ""] = /\.([a-z]+)(?:\.gz)?$/i.exec(path) ?? [];
  const name = ending.toLowerCase();
  return Object.hasOwn(endings, name) ? endings[name] : undefined;
}
