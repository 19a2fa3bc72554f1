export { createService, type Service } from "./service.ts";
