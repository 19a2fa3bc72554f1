/** Yields the items of an iterator, and requests each next item before the consumer is done with the current one. */
export async function* prefetch<Item>(items: AsyncIterator<Item>): AsyncGenerator<Item> {
  const request = () => {
    const requested = items.next();
    // A rejection is thrown by the `await` below. Until then it must not count as unhandled.
    requested.catch(() => {});
    return requested;
  };
  let next = request();
  try {
    for (;;) {
      const { done, value } = await next;
      if (done) return;
      next = request();
      yield value;
    }
  } finally {
    // Not awaited: the iterator ends only after the pending request, which may never resolve.
    items.return?.().catch(() => {});
  }
}
