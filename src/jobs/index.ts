export { startMaintenance } from "./maintenance.ts";
