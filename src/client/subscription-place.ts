import type { Operation, TRPCLink } from "@trpc/client";
import { observable } from "@trpc/server/observable";
import type { AppRouter } from "../routers/index.ts";

/** How far a subscription has come, over all of its connections. */
export class SubscriptionPlace {
  #eventId: string | undefined;
  #arrivals = 0;

  /** The id of the last event: after it, the next connection goes on. */
  get eventId(): string | undefined {
    return this.#eventId;
  }

  /** Events and pings so far. The service sends them only while it accepts the token. */
  get arrivals(): number {
    return this.#arrivals;
  }

  /** @param eventId an index of the log, as the id of an event or ping */
  reach(eventId: string): void {
    this.#arrivals++;
    if (this.#eventId === undefined || Number(eventId) > Number(this.#eventId)) this.#eventId = eventId;
  }
}

const key = "subscriptionPlace";

/** The place of a subscription; undefined for other calls. */
export const subscriptionPlaceOf = ({ context }: Pick<Operation, "context">): SubscriptionPlace | undefined =>
  context[key] as SubscriptionPlace | undefined;

/** Keeps the place of each subscription for the links after it. */
export const keepPlace: TRPCLink<AppRouter> =
  () =>
  ({ op, next }) => {
    if (op.type !== "subscription") return next(op);
    const place = new SubscriptionPlace();
    return observable((observer) =>
      next({ ...op, context: { ...op.context, [key]: place } }).subscribe({
        ...observer,
        next: (envelope) => {
          const { result } = envelope;
          if ("id" in result && typeof result.id === "string") place.reach(result.id);
          observer.next(envelope);
        },
      }),
    );
  };
