export const formats = ["csv", "jsonl", "json"] as const;
/** What is written. */
export const exportFormats = ["csv", "jsonl"] as const;
export type Format = (typeof formats)[number];

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
