import { TRPCError } from "@trpc/server";
import { expect, it } from "vitest";
import { TooManyRequestsError } from "../../src/errors.ts";
import { translateError } from "../../src/routers/error-translation.ts";
import { errorBody } from "../../src/routers/index.ts";
import { errorHeaders } from "../../src/server/procedure-errors.ts";

it("an exceeded limit is answered 429 with the time after which the call may succeed, in the body and in Retry-After", () => {
  const cause = new TooManyRequestsError("Too many passwords are being checked. Try again in 3 s.", { retryAfter: 3 });
  const error = translateError(new TRPCError({ code: "INTERNAL_SERVER_ERROR", cause }));
  expect(errorBody(error, { requestId: "request-1", path: "users.create", type: "mutation" })).toMatchObject({
    error: {
      json: {
        message: "Too many passwords are being checked. Try again in 3 s.",
        data: { code: "TOO_MANY_REQUESTS", httpStatus: 429, retryAfter: 3 },
      },
    },
  });
  expect(errorHeaders([error])).toEqual({ "retry-after": "3" });
});
