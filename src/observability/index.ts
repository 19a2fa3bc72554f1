export { LineSampler } from "./line-sampler.ts";
export { createLog, describeError, type Log } from "./log.ts";
