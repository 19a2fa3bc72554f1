/**
 * Waits for `work`, at most `ms` milliseconds. The work itself is not stopped.
 *
 * @throws the error that `onTimeout` returns when the deadline passes, or the error of `work`
 */
export async function withDeadline<T>(ms: number, work: PromiseLike<T>, onTimeout: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(onTimeout()), ms);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
