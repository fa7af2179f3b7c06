// Many who ask for a few keys each, and one question to the database at a time.

import { setTimeout as delay } from 'node:timers/promises';

/** How long a question waits for more who ask: most streams of a storm come within a moment. */
const GATHER_MS = 3;
/** Between two questions. Where streams come faster than that, they share one, however quickly it is answered. */
const INTERVAL_MS = 20;

/**
 * What is asked for while a question is under way goes with the next one: so an answer is never older than its asking,
 * and a crowd makes the questions larger and not more.
 */
export class BatchedLookup<Value> {
  readonly #read: (keys: string[]) => Promise<ReadonlyMap<string, Value>>;
  #next: { keys: Set<string>; answer: Promise<ReadonlyMap<string, Value>> } | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #notBefore = 0;

  constructor(read: (keys: string[]) => Promise<ReadonlyMap<string, Value>>) {
    this.#read = read;
  }

  /**
   * @returns what was found, for others' keys as well
   * @throws the error of the database when it is away
   */
  ask(keys: Iterable<string>): Promise<ReadonlyMap<string, Value>> {
    this.#next ??= this.#begin();
    for (const key of keys) this.#next.keys.add(key);
    return this.#next.answer;
  }

  #begin() {
    const keys = new Set<string>();
    const answer = this.#last.then(async () => {
      await delay(Math.max(GATHER_MS, this.#notBefore - performance.now()));
      this.#notBefore = performance.now() + INTERVAL_MS;
      this.#next = undefined;
      return this.#read([...keys]);
    });
    this.#last = answer.catch(() => {});
    return { keys, answer };
  }
}
