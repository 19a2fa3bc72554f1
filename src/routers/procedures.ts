import {
  type AnyTRPCProcedure,
  getTRPCErrorShape,
  type ProcedureType,
  type TRPCError,
  transformTRPCResponse,
} from "@trpc/server";
import { WrittenRow } from "../repositories/index.ts";
import type { ProcedureAccess } from "./access-rules.ts";
import { appRouter } from "./app-router.ts";
import type { Context } from "./context.ts";
import { writtenAnswer } from "./written-answers.ts";

// The only file that reads tRPC's `_def` and `_config`, which are not public.

/** A procedure as the HTTP server and the access matrix see it. */
export interface ProcedureEntry {
  /** Its name, such as `users.create`. */
  readonly path: string;
  readonly type: ProcedureType;
  readonly access: ProcedureAccess;
  /** Runs the procedure. @throws {TRPCError} */
  readonly call: (options: {
    ctx: Context;
    getRawInput: () => Promise<unknown>;
    batchIndex: number;
    signal: AbortSignal;
  }) => Promise<unknown>;
}

const { _config: config, procedures: registered } = appRouter._def;

/** Every procedure of the service by its path. */
export const procedures: ReadonlyMap<string, ProcedureEntry> = new Map(
  Object.entries(registered as unknown as Record<string, AnyTRPCProcedure>).map(([path, procedure]) => {
    const { type, meta } = procedure._def;
    const call: ProcedureEntry["call"] = ({ ctx, getRawInput, batchIndex, signal }) =>
      procedure({ ctx, getRawInput, batchIndex, signal, path, type });
    return [path, { path, type, access: meta as ProcedureAccess, call }];
  }),
);

/** Returns an input as values. @throws {InvalidInputError} */
export const deserializeInput = (input: unknown): unknown => config.transformer.input.deserialize(input);

/** Returns the data of an event of a subscription: JSON. */
export const eventData = (data: unknown): string => JSON.stringify(config.transformer.output.serialize(data));

/** When the client of a subscription connects again, as JSON. */
export const reconnection = JSON.stringify(config.sse?.client ?? {});

/** Returns the body of an answer: JSON. */
export function resultBody(data: unknown): string {
  const text =
    data instanceof WrittenRow ? writtenAnswer(data) : JSON.stringify(config.transformer.output.serialize(data));
  return `{"result":{"data":${text}}}`;
}

/** Returns the body of an error; `status` replaces tRPC's HTTP status of the error's code. */
export function errorBody(
  error: TRPCError,
  { requestId, status, ...call }: { requestId: string; status?: number; path?: string; type?: ProcedureType },
): object {
  const shape = getTRPCErrorShape({
    config,
    error,
    ctx: { requestId } as Context,
    path: call.path,
    type: call.type ?? "unknown",
    input: undefined,
  });
  const data = status === undefined ? shape.data : { ...shape.data, httpStatus: status };
  return transformTRPCResponse(config, { error: { ...shape, data } });
}
