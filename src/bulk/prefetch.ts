/** The same items, each asked for while the one before it is still in use. */
export async function* ahead<Item>(items: AsyncIterator<Item>): AsyncGenerator<Item> {
  const ask = () => {
    const asked = items.next();
    // Told when its turn comes; until then nobody else is listening.
    asked.catch(() => {});
    return asked;
  };
  let next = ask();
  try {
    for (;;) {
      const { done, value } = await next;
      if (done) return;
      next = ask();
      yield value;
    }
  } finally {
    // Not waited for: it ends behind what was asked for last, and that may never come.
    items.return?.().catch(() => {});
  }
}
