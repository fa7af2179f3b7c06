// The newest part of the log, which grows at both ends: by what happens, and by who wants to see more of what was.

import { type ReadonlySignal, signal } from '@preact/signals-core';
import type { BoardEvent } from '../../client/types.ts';
import { lineOf } from '../state/service.ts';
import type { Log } from './log.ts';

/** Older ones are read in such steps. */
const STEP = 200;
/** What a page that stays open for days holds at most; the older ones are read again by who wants to see them. */
const MOST_KEPT = 5000;

export class Feed {
  /** In the order of the log. */
  readonly events: ReadonlySignal<readonly BoardEvent[]>;
  /** The place before the first of them. */
  readonly from: ReadonlySignal<number>;
  /** The place before the oldest event of the log; undefined until that is known. */
  readonly begin: ReadonlySignal<number | undefined>;
  /** Why it could not be read. */
  readonly failure: ReadonlySignal<string>;
  readonly isReading: ReadonlySignal<boolean>;
  readonly #events = signal<readonly BoardEvent[]>([]);
  readonly #from = signal(0);
  readonly #begin = signal<number | undefined>(undefined);
  readonly #failure = signal('');
  readonly #isReading = signal(false);
  readonly #log: Log;
  readonly #head: () => number;
  #newest = 0;

  /** @param head the newest event that the page has heard of */
  constructor(log: Log, head: () => number) {
    this.#log = log;
    this.#head = head;
    this.events = this.#events;
    this.from = this.#from;
    this.begin = this.#begin;
    this.failure = this.#failure;
    this.isReading = this.#isReading;
  }

  /** Reads the newest events; again, when that has failed or some were missed. */
  open(): Promise<void> {
    return this.#read(async () => {
      const begin = await this.#log.begin();
      const head = Math.max(this.#head(), begin);
      const from = Math.max(begin, head - STEP);
      const events = await this.#log.events(from, head);
      this.#newest = head;
      this.#from.value = from;
      this.#events.value = events;
      this.#begin.value = begin;
    });
  }

  older(): Promise<void> {
    return this.#read(async () => {
      const begin = await this.#log.begin();
      const upTo = this.#from.value;
      const from = Math.max(begin, upTo - STEP);
      const events = await this.#log.events(from, upTo);
      this.#events.value = [...events, ...this.#events.value];
      this.#from.value = from;
      this.#begin.value = begin;
    });
  }

  /** Something has happened. */
  take(event: BoardEvent): void {
    if (this.#begin.value === undefined || event.seq <= this.#newest) return;
    if (event.seq > this.#newest + 1) {
      this.catchUp();
      return;
    }
    this.#newest = event.seq;
    const events = [...this.#events.value, event];
    this.#events.value = events.slice(-MOST_KEPT);
    if (events.length > MOST_KEPT) this.#from.value = (events.at(-MOST_KEPT)?.seq ?? 1) - 1;
  }

  /** Reads the newest events where some were missed. */
  catchUp(): void {
    if (this.#begin.value !== undefined && this.#failure.value === '' && this.#newest < this.#head()) void this.open();
  }

  async #read(how: () => Promise<void>): Promise<void> {
    if (this.#isReading.value) return;
    this.#isReading.value = true;
    this.#failure.value = '';
    try {
      await how();
    } catch (error) {
      this.#failure.value = lineOf(error);
    }
    this.#isReading.value = false;
    // What has happened meanwhile was not taken.
    this.catchUp();
  }
}
