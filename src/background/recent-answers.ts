// What the database has answered a moment ago, for those who would ask it the same many times a second.

import type { LRUCache } from 'lru-cache';
import { newest } from './newest.ts';

/**
 * Access ends within a second everywhere: this long after the question an answer may still be believed, and there is
 * time left to act on it.
 */
const BELIEVED_MS = 800;

interface Answer<Value> {
  askedAt: number;
  value: Promise<Value | undefined>;
}

/** Who asks while the answer is on its way gets the same one. Errors, and answers that say nothing, are not kept. */
export class RecentAnswers<Value> {
  readonly #answers: LRUCache<string, Answer<Value>>;

  /** @param most how many are kept; the one that was used longest ago makes room */
  constructor(most: number) {
    this.#answers = newest(most);
  }

  /** @throws what `ask` throws */
  get(question: string, ask: () => Promise<Value | undefined>): Promise<Value | undefined> {
    const known = this.#answers.get(question);
    if (known && performance.now() - known.askedAt < BELIEVED_MS) return known.value;
    const answer = { askedAt: performance.now(), value: ask() };
    this.#answers.set(question, answer);
    const forget = () => {
      if (this.#answers.peek(question) === answer) this.#answers.delete(question);
    };
    answer.value.then((value) => {
      if (value === undefined) forget();
    }, forget);
    return answer.value;
  }
}
