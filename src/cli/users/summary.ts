import type { ImportReport } from "../../accounts/index.ts";

/** The result of an import in one or two sentences. */
export function importSummary(report: ImportReport, file: string): string {
  const { outcome, rows, imported, refused, resumedBehind, refusedFile } = report;
  const counts = `${count(imported)} of ${count(rows)} imported, ${count(refused)} refused`;
  const details = refusedFile === null ? "" : `: see ${refusedFile}`;
  if (outcome === "repeated")
    return `${file} was imported before: ${counts}${details}. Nothing was done; --restart begins anew.`;
  if (outcome === "undone")
    return `Nothing was imported, because ${count(refused)} of ${count(rows)} rows were refused${details}.`;
  const resumed = resumedBehind > 0 ? ` (${count(resumedBehind)} rows of them before)` : "";
  const stopped = outcome === "stopped" ? " The same command continues after these rows." : "";
  return `${counts}${resumed}${details}.${stopped}${omittedValues(report)}`;
}

function omittedValues({ leftOut }: ImportReport): string {
  const names = Object.entries(leftOut).map(([name, values]) => `${name} ${count(values)}`);
  return names.length === 0 ? "" : `\nOmitted, because users have no such field: ${names.join(", ")}.`;
}

const count = (number: number) => number.toLocaleString("en");
