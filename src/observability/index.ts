export { type CallMetrics, createCallMetrics, noCallMetrics } from "./call-metrics.ts";
export { LineSampler } from "./line-sampler.ts";
export { createLog, describeDatabaseError, describeError, type Log, openTerminal } from "./log.ts";
