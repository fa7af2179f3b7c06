// Many who ask for one key or for hundreds, and one question to the database at a time, in which each has a share.

import { setTimeout as delay } from 'node:timers/promises';

/** How long a question waits for more who ask: most streams of a storm come within a moment. */
const GATHER_MS = 3;
/** Between two questions. Where streams come faster than that, they share one, however quickly it is answered. */
const INTERVAL_MS = 20;

interface Waiting<Value> {
  resolve: (value: Value) => void;
  reject: (error: unknown) => void;
}

/** One thing that somebody wants to know, and all who wait for it. */
interface Open<Question, Value> {
  question: Question;
  waiting: Array<Waiting<Value>>;
}

/** What one who asks wants to know, by its key. */
type Asked<Question, Value> = Map<string, Open<Question, Value>>;

/**
 * As with {@link BatchedLookup} an answer is never older than its asking, and a crowd makes the questions larger and not
 * more; up to `most`. What is more than that waits, and in each question everybody has the same share: who asks for
 * thousands of keys waits for them himself.
 */
export class FairLookup<Question, Value> {
  readonly #read: (questions: Question[]) => Promise<Value[]>;
  readonly #most: number;
  /** Who has been served last is at the end. */
  readonly #waiting = new Map<string, Asked<Question, Value>>();
  #isRunning = false;
  #notBefore = 0;

  /**
   * @param read gives the answers in the order of the questions
   * @param most questions of one call
   */
  constructor(read: (questions: Question[]) => Promise<Value[]>, most: number) {
    this.#read = read;
    this.#most = most;
  }

  /**
   * @param key the same for the same question of one who asks
   * @throws what `read` throws
   */
  ask(who: string, key: string, question: Question): Promise<Value> {
    return new Promise((resolve, reject) => {
      const asked: Asked<Question, Value> = this.#waiting.get(who) ?? new Map();
      this.#waiting.set(who, asked);
      const others = asked.get(key);
      if (others) others.waiting.push({ resolve, reject });
      else asked.set(key, { question, waiting: [{ resolve, reject }] });
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.size > 0) {
      await delay(Math.max(GATHER_MS, this.#notBefore - performance.now()));
      this.#notBefore = performance.now() + INTERVAL_MS;
      await this.#answer(this.#takeShares());
    }
    this.#isRunning = false;
  }

  async #answer(taken: Array<Open<Question, Value>>): Promise<void> {
    try {
      const values = await this.#read(taken.map(({ question }) => question));
      if (values.length !== taken.length) throw new Error(`${values.length} answers to ${taken.length} questions`);
      for (const [index, { waiting }] of taken.entries()) {
        for (const { resolve } of waiting) resolve(values[index] as Value);
      }
    } catch (error) {
      for (const { waiting } of taken) for (const { reject } of waiting) reject(error);
    }
  }

  /** Again and again a share of what there is room for, until there is none or nobody waits. */
  #takeShares(): Array<Open<Question, Value>> {
    const taken: Array<Open<Question, Value>> = [];
    while (this.#waiting.size > 0 && taken.length < this.#most) {
      const share = Math.max(1, Math.floor((this.#most - taken.length) / this.#waiting.size));
      for (const [who, asked] of [...this.#waiting]) {
        if (taken.length >= this.#most) break;
        this.#waiting.delete(who);
        const enough = taken.length + share;
        for (const [key, open] of asked) {
          if (taken.length >= enough) break;
          asked.delete(key);
          taken.push(open);
        }
        if (asked.size > 0) this.#waiting.set(who, asked);
      }
    }
    return taken;
  }
}
