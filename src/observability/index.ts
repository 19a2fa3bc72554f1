export { createLog, describeError, type Log } from "./log.ts";
