import { accessMatrix, accessTable } from "../routers/index.ts";

/** `aeturnis-data access`: prints which caller may call which procedure, from the rules of the procedures. */
export function access({ json = false }: { json?: boolean }): void {
  console.log(json ? JSON.stringify(accessMatrix(), null, 2) : accessTable());
}
