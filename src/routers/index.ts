export { accessMatrix, accessTable } from "./access-matrix.ts";
export { type AppRouter, appRouter, type Inputs, type Outputs } from "./app-router.ts";
export type { Context, Parts } from "./context.ts";
export { currentRequestId } from "./current-request.ts";
