export const formats = ["csv", "jsonl"] as const;
export type Format = (typeof formats)[number];

/** The format that a file's name tells. */
export const formatOf = (path: string): Format | undefined => formats.find((format) => path.endsWith(`.${format}`));
