import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

/** Quotes of PostgreSQL, npm, drizzle-kit and the operating system, and settings or paths that are no messages. */
const otherQuotes: ReadonlySet<string> = new Set([
  '"database": false',
  '"pending": null',
  '"writable": false',
  ".data/postgres",
  '" does not exist',
  "/tmp/aeturnis-data-test-",
  "/var/lib/aeturnis-data/",
  "CREATE INDEX CONCURRENTLY cannot run inside a transaction block",
  "Cannot find name 'Disposable'",
  "Please install either 'pg' or 'postgres'",
  "canceling statement due to lock timeout",
  "canceling statement due to statement timeout",
  "'42P06'",
  "'42P07'",
  "drizzle-kit migrate",
  'duplicate key value violates unique constraint "__drizzle_migrations_pkey"',
  "listen EADDRINUSE: address already in use",
  'no partition of relation "audit_log" found for row',
  "pg_restore --data-only",
  "pg_restore -n public",
  'relation "partitions.audit_log_',
  "skipLibCheck",
  "violates foreign key constraint",
]);

/** Quotes that the service composes from several texts, with these texts. */
const composedQuotes: Readonly<Record<string, readonly string[]>> = {
  "DATABASE_URL must be a URL such as": ["must be a URL such as"],
  "BREACHED_PASSWORDS_FILE cannot be read (": ["BREACHED_PASSWORDS_FILE ", "cannot be read ("],
  "BREACHED_PASSWORDS_FILE must be sorted by hash": ["BREACHED_PASSWORDS_FILE ", "must be sorted by hash"],
  "DATABASE_URL has": ["has an IPv6 address without brackets"],
  "DATABASE_URL asks with": ["for what the service does not do"],
  "The database did not answer in time. The change may have been made, or may yet be": [
    "The database did not answer in time.",
    "The change may have been made, or may yet be",
  ],
  "The access token is not valid.": ["access token", " is not valid."],
  "UPDATE of": ["% of % is refused: rows of the audit trail are never changed"],
  "can be changed or omitted: trigger": ["can be changed or omitted: %s %s is not of the service"],
  "is disabled": ["trigger %s is %s", "'disabled'"],
  "_snapshot.json is not JSON": ["is not JSON, and drizzle-kit stops at it"],
  "was applied, but the folder does not contain it": [" was applied, but ", "the folder does not contain it"],
};

/** Source text with string literals joined over line breaks, and without the escapes of TypeScript and SQL. */
function sourceText(): string {
  const files = ["src", "drizzle"].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((file) => /\.(ts|sql)$/.test(file))
      .map((file) => readFileSync(join(folder, file), "utf8")),
  );
  return files
    .join("\n")
    .replace(/["`]\s*\+\s*["`]/g, "")
    .replaceAll("''", "'")
    .replaceAll("\\`", "`");
}

/** Literal parts of the messages that the headings quote, without field names in front. */
function quotedTexts(markdown: string): string[] {
  const headings = [...markdown.matchAll(/^### (.+)$/gm)].map(([, heading = ""]) => heading);
  const quotes = headings.flatMap((heading) =>
    [...heading.matchAll(/``(.+?)``|`([^`]+)`/g)].map(([, double, single]) => double ?? single ?? ""),
  );
  return quotes
    .flatMap((quote) => quote.split("…"))
    .map((part) => part.replace(/^\w*[:),.]\s+/, "").trim())
    .filter((part) => part.length > 3);
}

it("TROUBLESHOOTING.md quotes only messages that the source contains", () => {
  const source = sourceText();
  const quotes = quotedTexts(readFileSync("TROUBLESHOOTING.md", "utf8"));
  const isInSource = (quote: string) => (composedQuotes[quote] ?? [quote]).every((text) => source.includes(text));
  expect(quotes.length).toBeGreaterThan(60);
  expect(quotes.filter((quote) => !otherQuotes.has(quote) && !isInSource(quote))).toEqual([]);
});
