/** Periodic work. */
export { startJobs } from "./jobs.ts";
