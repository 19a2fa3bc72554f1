export { inexactNumber, markInexactNumbers, parseStoredJson } from "./numbers.ts";
export { JsonText, memberText, writeJson } from "./text.ts";
