export { LineSampler } from "./line-sampler.ts";
export { createLog, describeError, type Log, openTerminal } from "./log.ts";
