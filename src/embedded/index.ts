export { DataInUseError } from "./errors.ts";
export { type EmbeddedServer, startEmbedded } from "./server.ts";
