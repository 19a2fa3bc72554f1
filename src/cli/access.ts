import { accessMatrix, accessTable } from "../routers/index.ts";

/** `aeturnis-data access`: who may call what, read off the procedures. */
export function access({ json = false }: { json?: boolean }): void {
  console.log(json ? JSON.stringify(accessMatrix(), null, 2) : accessTable());
}
