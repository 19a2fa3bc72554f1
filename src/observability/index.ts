export { LineSampler } from "./line-sampler.ts";
export { createLog, describeDatabaseError, describeError, type Log, openTerminal } from "./log.ts";
