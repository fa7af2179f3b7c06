// Sends writes: a few at a time, each until it has an answer, and when it has to wait, as long as it is told.

import type { Live } from '../live.ts';
import type { Waiting } from '../writes/offered.ts';
import type { Write } from '../writes/write.ts';
import { type Answer, readAnswer } from './answer.ts';

const AT_A_TIME = 4;
/** Who has waited so long for an answer asks again: under the same key that is the same write. */
const ANSWER_MS = 30_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
/** More than that nobody is told, but by mistake; and no timer holds a month. */
const LONGEST_TOLD_MS = 3_600_000;
/** So long the server remembers a key, less what clocks may differ. */
const KEY_MS = 23 * 3_600_000;

export interface SenderOptions {
  live: Pick<Live, 'request' | 'outside' | 'onStatus'>;
  /** Who has made the writes. They are sent as nobody else's. */
  user: string;
  /** @returns those that may be sent now, with those that are under way */
  sendable: () => readonly Write[];
  /**
   * This one is about to be sent. Resolves when a reload would know that.
   *
   * @returns what to send; undefined when it is over already
   */
  begin: (key: string) => Promise<Write | undefined>;
  onAnswer: (key: string, answer: Answer & { kind: 'done' | 'refused' }) => void;
  onExpired: (key: string) => void;
  /** Called when {@link Sender.waiting} has changed. */
  onWaiting: () => void;
}

export class Sender {
  readonly #options: SenderOptions;
  readonly #closing = new AbortController();
  /** Under way, or waiting for their own next attempt. */
  readonly #busy = new Set<string>();
  #active = 0;
  /** In a row: of each write, and of all under ''. */
  readonly #failures = new Map<string, number>();
  #waiting: Waiting | undefined;
  #endWait: (() => void) | undefined;
  /** Until when nothing ends the wait, in milliseconds since 1970. */
  #toldUntil = 0;
  /** Whether the server takes us for our user. */
  #isKnown = false;
  #isAsked = false;
  /** How often somebody has said that it works now. */
  #retries = 0;
  readonly #ends = new Set<() => void>();

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  get waiting(): Waiting | undefined {
    return this.#waiting;
  }

  start(): void {
    const { live } = this.#options;
    this.#ends.add(live.onStatus(({ name }) => name === 'live' && this.retry()));
    this.#ends.add(live.outside.onPage(({ type }) => type === 'online' && this.retry()));
    this.send();
  }

  stop(): void {
    this.#closing.abort();
    this.#endWait?.();
    for (const end of this.#ends) end();
  }

  /** Ends the wait for somebody to sign in or for a server to come back, but not one that the server asked for. */
  retry(): void {
    this.#retries += 1;
    const isTold = this.#options.live.outside.now() < this.#toldUntil;
    if (this.#waiting && !isTold) this.#resume();
    // Whoever has signed in meanwhile will not say so again.
    else if (this.#waiting === 'sign-in') this.#wait('server', 0);
  }

  /** Sends what may be sent, soon: once for all that happens in this moment. */
  send(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    queueMicrotask(() => {
      this.#isAsked = false;
      this.#sendNow();
    });
  }

  #sendNow(): void {
    if (this.#waiting || this.#closing.signal.aborted) return;
    const { live, sendable, onExpired } = this.#options;
    const now = live.outside.now();
    for (const { key, sentAt = now } of sendable()) {
      // One at first: it asks whether the server takes us for our user.
      if (this.#active >= (this.#isKnown ? AT_A_TIME : 1)) return;
      if (this.#busy.has(key)) continue;
      // Of a clock that was set back by a day nobody knows how much time has passed.
      if (Math.abs(now - sentAt) > KEY_MS) onExpired(key);
      else void this.#sendOne(key);
    }
  }

  async #sendOne(key: string): Promise<void> {
    this.#busy.add(key);
    this.#active += 1;
    const retries = this.#retries;
    const answer = await this.#attempt(key).catch((): Answer => ({ kind: 'later', isForAll: true }));
    this.#active -= 1;
    if (this.#closing.signal.aborted) return;
    // Whoever has signed in meanwhile will not say so again.
    const isOld = answer?.kind === 'signed-out' && retries !== this.#retries;
    if (isOld) {
      this.#isKnown = false;
      this.#busy.delete(key);
    } else this.#take(key, answer);
    this.send();
  }

  async #attempt(key: string): Promise<Answer | undefined> {
    const attempt = new AbortController();
    const abort = () => attempt.abort();
    const endTimer = this.#options.live.outside.after(ANSWER_MS, abort);
    this.#closing.signal.addEventListener('abort', abort);
    try {
      const stranger = this.#isKnown ? undefined : await this.#askWho(attempt.signal);
      return stranger ?? (await this.#post(key, attempt.signal));
    } finally {
      endTimer();
      this.#closing.signal.removeEventListener('abort', abort);
    }
  }

  /** @returns undefined when it is our user */
  async #askWho(signal: AbortSignal): Promise<Answer | undefined> {
    const { live, user } = this.#options;
    const response = await live.request('/session', { signal });
    if (response.status !== 200) {
      const answer = await readAnswer(response, live.outside.now());
      return answer.kind === 'signed-out' ? answer : { ...answer, kind: 'later', isForAll: true };
    }
    const session = (await response.json()) as { user?: { id?: string } };
    this.#isKnown = session.user?.id === user;
    return this.#isKnown ? undefined : { kind: 'signed-out' };
  }

  async #post(key: string, signal: AbortSignal): Promise<Answer | undefined> {
    const { live, begin, user } = this.#options;
    const write = await begin(key);
    if (!write) return undefined;
    const response = await live.request(`/boards/${write.boardId}/batch`, {
      method: 'POST',
      // Who signs in in another tab has changed the cookie of this one: the server holds whose write it is.
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key, 'User-Id': user },
      body: bodyOf(write),
      signal,
    });
    return readAnswer(response, live.outside.now());
  }

  #take(key: string, answer: Answer | undefined): void {
    if (answer?.kind === 'later' && !answer.isForAll) {
      const end = this.#options.live.outside.after(this.#nextWait(key, answer.ms), () => {
        this.#ends.delete(end);
        this.#busy.delete(key);
        this.send();
      });
      this.#ends.add(end);
      return;
    }
    this.#busy.delete(key);
    if (answer?.kind === 'later') this.#wait('server', answer.ms);
    else if (answer?.kind === 'signed-out') this.#wait('sign-in');
    else {
      this.#failures.delete(key);
      this.#failures.delete('');
      if (answer) this.#options.onAnswer(key, answer);
    }
  }

  #nextWait(key: string, toldMs = 0): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const most = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures);
    // All pages that have lost the same node come back to the next one: not all at once.
    const ms = most * (0.5 + this.#options.live.outside.random() / 2);
    return Math.max(ms, Math.min(toldMs, LONGEST_TOLD_MS));
  }

  #wait(what: Waiting, toldMs?: number): void {
    const { outside } = this.#options.live;
    this.#isKnown = false;
    // Those that were under way beside the first say the same.
    if (this.#waiting === what && toldMs === undefined) return;
    // One who was told less later does not shorten it.
    const ms = this.#nextWait('', Math.max(toldMs ?? 0, this.#toldUntil - outside.now()));
    if (toldMs !== undefined) this.#toldUntil = Math.max(this.#toldUntil, outside.now() + ms);
    this.#endWait?.();
    this.#endWait = what === 'server' ? outside.after(ms, () => this.#resume()) : undefined;
    if (this.#waiting === what) return;
    this.#waiting = what;
    this.#options.onWaiting();
  }

  #resume(): void {
    this.#endWait?.();
    this.#endWait = undefined;
    this.#waiting = undefined;
    // The clock may have been set back.
    this.#toldUntil = 0;
    this.#options.onWaiting();
    this.send();
  }
}

function bodyOf({ operations }: Write): string {
  const sent = operations.map(({ op, id, item, ifMatch }) => ({
    op,
    id,
    ...(item && { item }),
    // 0 is an item that the server had not made yet when this was written.
    ...(ifMatch !== undefined && { ifMatch: Math.max(1, ifMatch) }),
  }));
  return JSON.stringify({ operations: sent });
}
