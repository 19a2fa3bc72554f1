import { existsSync, readFileSync } from "node:fs";
import { median } from "./support.mjs";

/** Samples the resident memory of a process every 200 ms while promises are pending. On Linux only. */
export function sampledMemory(pid) {
  const status = `/proc/${pid}/status`;
  const samples = [];
  /** In MiB. The file has kB. */
  const sample = () => samples.push(Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(status, "utf8"))[1]) / 1_024);
  return {
    during: async (promise) => {
      if (!existsSync(status)) return promise;
      const timer = setInterval(sample, 200);
      return promise.finally(() => clearInterval(timer));
    },
    columns: () =>
      samples.length > 0
        ? { "RSS median (MiB)": Math.round(median(samples)), "RSS max (MiB)": Math.round(Math.max(...samples)) }
        : {},
  };
}
