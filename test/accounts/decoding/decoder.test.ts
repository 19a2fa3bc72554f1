import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { emptyTables } from "../../support/database.ts";
import { passwordHash } from "../../support/factories.ts";
import { csvOf, fileOf, importFile, useImportDatabase } from "../../support/import.ts";

const shared = useImportDatabase();

const bigEndian = (text: string) => Buffer.from(text, "utf16le").swap16();
const twoUsers = `email,username,passwordHash,metadata\na@x.org,Mira_1,"${passwordHash}","{""name"":""Zoë 🦊""}"\nb@x.org,Mira_2,"${passwordHash}",\n`;

describe("decodeToUtf8", () => {
  it.each([
    ["UTF-8 with a byte order mark", Buffer.from(`\uFEFF${twoUsers}`)],
    ["UTF-16LE", Buffer.from(`\uFEFF${twoUsers}`, "utf16le")],
    ["UTF-16LE without a byte order mark", Buffer.from(twoUsers, "utf16le")],
    ["UTF-16BE", bigEndian(`\uFEFF${twoUsers}`)],
    ["UTF-16BE without a byte order mark", bigEndian(twoUsers)],
    ["gzip", gzipSync(twoUsers)],
    ["gzip of several members", Buffer.concat([gzipSync(twoUsers.slice(0, 50)), gzipSync(twoUsers.slice(50))])],
    ["gzip of UTF-16", gzipSync(Buffer.from(`\uFEFF${twoUsers}`, "utf16le"))],
  ])("an import reads %s", async (_, content) => {
    expect(await importFile(shared.pool, fileOf("users.csv", content))).toMatchObject({
      rows: 2,
      imported: 2,
      refused: 0,
    });
    expect(await shared.database.sql`select metadata from users order by email`).toEqual([
      { metadata: { name: "Zoë 🦊" } },
      { metadata: {} },
    ]);
  });

  it.each([
    [
      "an Excel workbook",
      Buffer.from("PK\x03\x04\x14\0\x06\0xl/workbook.xml"),
      /\(\.xlsx\).*Save the sheet as CSV UTF-8/,
    ],
    ["an Excel workbook before 2007", Buffer.from("d0cf11e0a1b11ae1", "hex"), /\(\.xls\).*CSV/],
    ["a PDF document", Buffer.from("%PDF-1.7\n"), /a PDF/],
    ["Zstandard", Buffer.from("28b52ffd00", "hex"), /zstd -d/],
    ["xz", Buffer.from("fd377a585a00", "hex"), /unxz/],
    ["UTF-32", Buffer.from("fffe000065000000", "hex"), /UTF-32.*iconv/],
    ["bytes that are not text", Buffer.from("users\0\0\x01\x02"), /not text/],
    ["a gzip file that is cut off", gzipSync(csvOf(500)).subarray(0, 400), /gzip file is cut off/],
    [
      "a gzip file that is damaged",
      Buffer.concat([gzipSync(twoUsers).subarray(0, 40), Buffer.alloc(60, 7)]),
      /gzip file is damaged/,
    ],
    ["UTF-16 that is cut off", Buffer.from(`\uFEFF${twoUsers}`, "utf16le").subarray(0, -1), /UTF-16.*cut off/],
    ["Windows-1252", Buffer.from(`${twoUsers}c@x.org,M\xfcller,x,`, "latin1"), /line \d, column \d+ has the byte/],
  ])("an import refuses %s and names the remedy", async (_, content, message) => {
    await expect(importFile(shared.pool, fileOf("users.csv", content))).rejects.toThrow(message);
  });

  it("an import names line and column of the first byte that is not UTF-8", async () => {
    const head = `${csvOf(3_000).trimEnd()}\nü🦊`;
    for (const [rest, letter] of [
      [Buffer.from([0xfc]), "0xFC, in Windows-1252 and Latin-1 ü"],
      [Buffer.from([0x80, 0x61]), "0x80"],
    ] as const) {
      const file = fileOf("users.csv", Buffer.concat([Buffer.from(head), rest]));
      await expect(importFile(shared.pool, file, { restart: true })).rejects.toThrow(
        `line 3002, column 3 has the byte ${letter}`,
      );
      await emptyTables(shared.database.sql);
    }
  });

  it("an import of UTF-16 or gzip resumes after the last committed batch", async () => {
    for (const content of [Buffer.from(`\uFEFF${csvOf(2_500)}`, "utf16le"), gzipSync(csvOf(2_500, { 2400: "bad" }))]) {
      const file = fileOf("users.csv", content);
      const interruption = new Error("interrupted");
      let batches = 0;
      const onProgress = () => {
        if (++batches === 2) throw interruption;
      };
      await expect(importFile(shared.pool, file, { onProgress })).rejects.toThrow(interruption);
      const report = await importFile(shared.pool, file);
      expect(report).toMatchObject({ outcome: "done", rows: 2_500, resumedBehind: 1_000 });
      expect(await shared.emails()).toHaveLength(report.imported);
      await emptyTables(shared.database.sql);
    }
  });
});

it("an import recognizes a compressed file that it has imported, and one that has changed since", async () => {
  const file = fileOf("users.csv", gzipSync(twoUsers));
  await importFile(shared.pool, file);
  expect(await importFile(shared.pool, file)).toMatchObject({ outcome: "repeated" });
  writeFileSync(file, gzipSync(`${twoUsers}c@x.org,Mira_3,"${passwordHash}",\n`));
  expect(await importFile(shared.pool, file)).toMatchObject({ imported: 1, refused: 2 });
  expect(readFileSync(`${file}.progress.json`, "utf8")).toContain("run");
});
