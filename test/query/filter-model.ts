import type { Filter } from "../../src/query/filter.ts";

/** A row as plain values: text, number, boolean, JSON; times in microseconds, addresses as text. */
export type Plain = Readonly<Record<string, unknown>>;

/** How the values of a field are compared. */
export type Kind = "text" | "caseless" | "address" | "time" | "plain" | "json" | "list";

/**
 * The rules of filter.ts without SQL. A condition is met or not met: only null equals null, every other comparison with
 * null is not met, and its negation is met.
 */
export function matches(row: Plain, filter: Filter<never>, kinds: Readonly<Record<string, Kind>>): boolean {
  return Object.entries(filter as Plain).every(([name, condition]) => {
    if (condition === undefined) return true;
    if (name === "and") return (condition as Filter<never>[]).every((part) => matches(row, part, kinds));
    if (name === "or") return (condition as Filter<never>[]).some((part) => matches(row, part, kinds));
    if (name === "not") return !matches(row, condition as Filter<never>, kinds);
    return holds(row[name] ?? null, condition, kinds[name] ?? "plain");
  });
}

function holds(value: unknown, condition: unknown, kind: Kind): boolean {
  if (condition === null) return value === null;
  if (typeof condition !== "object" || condition instanceof Date) return equal(value, condition, kind);
  return Object.entries(condition).every(([operator, operand]) => {
    if (operand === undefined) return true;
    switch (operator) {
      case "eq":
        return equal(value, operand, kind);
      case "ne":
        return !equal(value, operand, kind);
      case "in":
        return (operand as unknown[]).some((one) => equal(value, one, kind));
      case "notIn":
        return !(operand as unknown[]).some((one) => equal(value, one, kind));
      case "isNull":
        return (value === null) === operand;
      case "gt":
        return value !== null && order(value, operand, kind) > 0;
      case "gte":
        return value !== null && order(value, operand, kind) >= 0;
      case "lt":
        return value !== null && order(value, operand, kind) < 0;
      case "lte":
        return value !== null && order(value, operand, kind) <= 0;
      case "like":
        return value !== null && like(String(value), String(operand), kind === "caseless");
      case "ilike":
        return value !== null && like(String(value), String(operand), true);
      case "contains":
        if (kind === "list") return (operand as unknown[]).every((one) => (value as unknown[]).includes(one));
        return value !== null && contains(value, operand);
      default:
        throw new Error(operator);
    }
  });
}

const equal = (value: unknown, operand: unknown, kind: Kind) => value !== null && order(value, operand, kind) === 0;

function order(value: unknown, operand: unknown, kind: Kind): number {
  if (kind === "time") {
    const asked = BigInt((operand as Date).getTime()) * 1000n;
    return (value as bigint) < asked ? -1 : (value as bigint) > asked ? 1 : 0;
  }
  if (kind === "plain") return Number(value) - Number(operand);
  const form = kind === "caseless" ? lower : kind === "address" ? addressKey : String;
  return Buffer.compare(Buffer.from(form(String(value))), Buffer.from(form(String(operand))));
}

const lower = (text: string) => text.toLowerCase();

/** IPv4 comes before IPv6. Addresses of one family are ordered by their bytes. */
export function addressKey(address: string): string {
  if (!address.includes(":")) return `4${address.split(".").map((part) => part.padStart(3, "0"))}`;
  const [head = "", tail] = address.toLowerCase().split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => "0");
  return `6${[...left, ...zeros, ...right].map((part) => part.padStart(4, "0"))}`;
}

/** `*` matches any text, `\*` a star, and every other character itself. */
function like(value: string, pattern: string, caseless: boolean): boolean {
  const parts = pattern
    .split(/(\\\*|\*)/)
    .map((part) => (part === "*" ? ".*" : part === "\\*" ? "\\*" : part.replace(/[^\p{L}\d]/gu, "\\$&")));
  return new RegExp(`^${parts.join("")}$`, caseless ? "is" : "s").test(value);
}

/** JSON containment of objects and scalars (PostgreSQL manual, 8.14.3). */
function contains(value: unknown, part: unknown): boolean {
  if (typeof part !== "object" || part === null) return value === part;
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(part).every(
    ([key, inner]) => Object.hasOwn(value, key) && contains((value as Plain)[key], inner),
  );
}
