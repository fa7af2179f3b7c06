// How often somebody may guess: limits for each address, and for each account as an address sees it, on this node.

import { setTimeout as delay } from 'node:timers/promises';
import { newest } from '../background/newest.ts';
import { RateLimit } from '../http/rate-limit.ts';
import { Problem } from '../problems/problem.ts';

const WINDOW_MS = 60_000;
/** Failures within a minute. An address has more, because an office may be behind one. */
const PER_PAIR = 10;
const PER_ADDRESS = 30;
/** So many from anywhere, and an account is under attack: each address may guess less often, and more slowly. */
const PER_ACCOUNT = 100;
const PER_PAIR_UNDER_ATTACK = 3;
const UNDER_ATTACK_MS = 1000;
/** Attempts of one account from one address, good ones too: so many after a pause, and then one each two seconds. */
const BURST = 30;
const PER_SECOND = 0.5;
/** Keys that are remembered; the one that was used longest ago makes room. Some 10 MB at most. */
const MAX_KEYS = 20_000;

interface Window {
  failures: number;
  /** On the clock `now`. */
  endsAt: number;
}

export interface AttemptLimitsOptions {
  /** Milliseconds of a clock that never goes back. */
  now?: () => number;
  /** Resolves after so many milliseconds. */
  pause?: (ms: number) => Promise<unknown>;
}

/**
 * Counts failures, so that those who know their password are never in the way of each other, however many share an
 * address. They are counted for account and address together: counted for the account alone, ten guesses by a stranger
 * would lock its owner out. Who guesses from many addresses is slowed, and the account's owner with them, but nobody is
 * refused for what others have done.
 *
 * What succeeds costs a hash, too: whoever repeats a good attempt again and again would take all turns of those who sign
 * in. So all attempts are limited besides, for account and address together and far above what people do.
 *
 * Counts for itself, in memory: @fastify/rate-limit counts requests by one key, before the body with the account is
 * read, and takes nothing back. Behind n nodes the limit is up to n times as high.
 */
export class AttemptLimits {
  readonly #windows = newest<Window>(MAX_KEYS);
  readonly #attempts: RateLimit;
  readonly #now: () => number;
  readonly #pause: (ms: number) => Promise<unknown>;

  constructor({ now = () => performance.now(), pause = (ms) => delay(ms) }: AttemptLimitsOptions = {}) {
    this.#attempts = new RateLimit(PER_SECOND, now, BURST);
    this.#now = now;
    this.#pause = pause;
  }

  /**
   * Runs an attempt. It counts from its beginning, so that many at once are no way round the limit, and as a failure no
   * longer when it succeeds or fails by a fault of the server.
   *
   * @param account what is guessed at, existing or not; undefined when there is none yet
   * @param act throws a Problem below 500 when it has failed by a fault of the client
   * @throws Problem TB_TOO_MANY_ATTEMPTS
   */
  async run<Result>(address: string, account: string | undefined, act: () => Promise<Result>): Promise<Result> {
    const { counted, isUnderAttack } = this.#count(address, account);
    try {
      if (isUnderAttack) await this.#pause(UNDER_ATTACK_MS);
      const result = await act();
      giveBack(counted);
      return result;
    } catch (error) {
      if (!(error instanceof Problem) || error.status >= 500) giveBack(counted);
      throw error;
    }
  }

  #count(address: string, account: string | undefined) {
    const ofAddress = this.#window(`address ${address}`);
    this.#check(ofAddress, PER_ADDRESS);
    const counted = [ofAddress];
    let isUnderAttack = false;
    if (account !== undefined) {
      const ofAccount = this.#window(`account ${account}`);
      const ofPair = this.#window(`pair ${address} ${account}`);
      isUnderAttack = ofAccount.failures >= PER_ACCOUNT;
      this.#check(ofPair, isUnderAttack ? PER_PAIR_UNDER_ATTACK : PER_PAIR);
      // What is refused above has cost nothing.
      const waitMs = this.#attempts.take(`${address} ${account}`);
      if (waitMs > 0) throw tooMany(waitMs);
      counted.push(ofAccount, ofPair);
    }
    for (const window of counted) window.failures += 1;
    return { counted, isUnderAttack };
  }

  #window(key: string): Window {
    const known = this.#windows.get(key);
    if (known && known.endsAt > this.#now()) return known;
    const window = { failures: 0, endsAt: this.#now() + WINDOW_MS };
    this.#windows.set(key, window);
    return window;
  }

  #check({ failures, endsAt }: Window, limit: number): void {
    if (failures < limit) return;
    throw tooMany(endsAt - this.#now());
  }
}

function tooMany(waitMs: number): Problem {
  const seconds = Math.ceil(waitMs / 1000);
  return new Problem('TB_TOO_MANY_ATTEMPTS', `Wait ${seconds} s before you try again.`, {
    headers: { 'retry-after': String(seconds) },
  });
}

function giveBack(counted: Window[]): void {
  for (const window of counted) window.failures -= 1;
}
