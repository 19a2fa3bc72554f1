/** The service as a library, to run inside another Node process. */
export { type Config, ConfigError, loadConfig } from "./config/index.ts";
export { createLog } from "./observability/index.ts";
export type { AppRouter, Inputs, Outputs } from "./routers/index.ts";
export { createService, type Service } from "./server/index.ts";
