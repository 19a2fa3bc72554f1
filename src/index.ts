/** The service as a library: start it inside a process of your own. */
export { type Config, ConfigError, loadConfig } from "./config/index.ts";
export { createLog } from "./observability/index.ts";
export type { AppRouter, Inputs, Outputs } from "./routers/index.ts";
export { createService, type Service } from "./server/index.ts";
