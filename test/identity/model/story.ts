import type { AttemptBucket } from "./attempt-bucket.ts";

/** Who acts, as the trail names them. */
export type Acting = "anonymous" | "owner" | "moderator";

/** What the trail should tell, and a clock that runs with the real one and that `passTime` moves (s). */
export class Story {
  /** What the trail should tell, by command. The order within a command is open, because its calls run at once. */
  readonly story: string[][] = [];
  #passed = 0;
  readonly #began = performance.now();

  get now(): number {
    return (performance.now() - this.#began) / 1_000 + this.#passed;
  }

  passTime(seconds: number): void {
    this.#passed += seconds;
  }

  tell(by: Acting, fact: string): void {
    this.story.at(-1)?.push(`${by}: ${fact}`);
  }

  /** Changes a bucket in one statement, and tells what the trail records of it. */
  record<Result>(by: Acting, bucket: AttemptBucket, change: () => Result): Result {
    const { lockedUntil, isFailing } = bucket;
    const result = change();
    if (bucket.lockedUntil !== lockedUntil)
      this.tell(by, `${bucket.name} ${bucket.lockedUntil === undefined ? "unlocked" : "locked"}`);
    if (bucket.isFailing !== isFailing)
      this.tell(by, `${bucket.name} ${bucket.isFailing ? "begin to fail" : "forgiven"}`);
    return result;
  }
}
