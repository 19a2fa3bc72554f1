/** A value of a list, for as long as it is in it. */
export interface InFlightEntry<Value> {
  readonly value: Value;
  previous: InFlightEntry<Value>;
  next: InFlightEntry<Value>;
}

/**
 * Values that are in use for a short time, thousands in a second, in the order in which they were added.
 *
 * It is a linked list whose entries lose their links when they leave it. In a Set, most values would outlive their use,
 * with all that they refer to: V8 replaces the table of a Set each time its places are used up, and a table that has
 * reached the old generation keeps its successors, and the values in them, until the next full garbage collection.
 */
export class InFlight<Value> {
  readonly #end = linked(undefined as Value);

  /** Adds a value. The entry that is returned removes it. */
  add(value: Value): InFlightEntry<Value> {
    const entry = linked(value);
    const last = this.#end.previous;
    entry.previous = last;
    entry.next = this.#end;
    last.next = entry;
    this.#end.previous = entry;
    return entry;
  }

  /** Removes an entry. Does nothing if it is removed already. */
  remove(entry: InFlightEntry<Value>): void {
    entry.previous.next = entry.next;
    entry.next.previous = entry.previous;
    entry.previous = entry;
    entry.next = entry;
  }

  /** The entry that was added first. */
  get first(): InFlightEntry<Value> | undefined {
    const { next } = this.#end;
    return next === this.#end ? undefined : next;
  }

  /** The values as they are now. */
  values(): Value[] {
    const values: Value[] = [];
    for (let entry = this.#end.next; entry !== this.#end; entry = entry.next) values.push(entry.value);
    return values;
  }
}

/** An entry that is linked to itself only. */
function linked<Value>(value: Value): InFlightEntry<Value> {
  const entry = { value } as InFlightEntry<Value>;
  entry.previous = entry;
  entry.next = entry;
  return entry;
}
