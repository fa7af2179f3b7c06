// Reads the log for a whole node, one read at a time: what is new on its boards, and the pages that streams wait for.

import { setTimeout as delay } from 'node:timers/promises';
import type { BoardEvent } from '../events/board-event.ts';
import type { EventLog } from '../events/event-log.ts';
import type { Logger } from '../logger.ts';
import type { FrameBatch } from './frame-batch.ts';

/** Places and events of one read: bounds its memory, and how long one busy board can hold up the others. */
const PLACES_PER_READ = 128;
const EVENTS_PER_PLACE = 100;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 2000;

export interface LogReaderOptions {
  log: EventLog;
  logger: Logger;
  /** The last event of the board that has been read; undefined when it is not open any more. */
  headOf: (boardId: string) => number | undefined;
  /** Called once for each page, however many wait for it. */
  encode: (events: BoardEvent[]) => FrameBatch;
  /** Takes the next events of a board, in order; the next read begins when it resolves. */
  feed: (boardId: string, batch: FrameBatch) => Promise<void>;
}

interface PageRequest {
  boardId: string;
  after: number;
  page: Promise<FrameBatch | undefined>;
  resolve: (page: FrameBatch | undefined) => void;
}

/** What is asked for while a read is under way makes the next one larger, and not the queue longer. */
export class LogReader {
  readonly #options: LogReaderOptions;
  /** Boards whose log may have grown. */
  readonly #dirty = new Set<string>();
  /** Pages that replaying streams wait for, by place: all who wait at one place share one read. */
  readonly #requested = new Map<string, PageRequest>();
  #generation = 0;
  #isReading = false;
  #isPaused = false;
  #isStopped = false;

  constructor(options: LogReaderOptions) {
    this.#options = options;
  }

  /** The board may have events after its head. Returns at once. */
  markDirty(boardId: string): void {
    this.#dirty.add(boardId);
    void this.#read();
  }

  forget(boardId: string): void {
    this.#dirty.delete(boardId);
  }

  /**
   * The events after a place, 100 at most. Waits as long as the database is away.
   *
   * @returns undefined when there is nothing after the place, or when the reader was stopped
   */
  readPage(boardId: string, after: number): Promise<FrameBatch | undefined> {
    if (this.#isStopped) return Promise.resolve(undefined);
    const place = `${boardId} ${after}`;
    let request = this.#requested.get(place);
    if (!request) {
      let resolve: PageRequest['resolve'] = () => {};
      const page = new Promise<FrameBatch | undefined>((settle) => {
        resolve = settle;
      });
      request = { boardId, after, page, resolve };
      this.#requested.set(place, request);
    }
    void this.#read();
    return request.page;
  }

  /** Reads nothing until {@link resume}; what a read under way brings is thrown away, and asked for again. */
  pause(): void {
    this.#isPaused = true;
    this.#generation += 1;
  }

  resume(): void {
    this.#isPaused = false;
    void this.#read();
  }

  stop(): void {
    this.#isStopped = true;
    for (const { resolve } of this.#requested.values()) resolve(undefined);
    this.#requested.clear();
  }

  async #read(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    // What becomes dirty in this turn of the event loop goes with the first read.
    await Promise.resolve();
    let failures = 0;
    while (!this.#isStopped && !this.#isPaused && this.#dirty.size + this.#requested.size > 0) {
      try {
        await this.#readOnce();
        if (failures > 0) this.#options.logger.info({ failures }, 'the log can be read again');
        failures = 0;
      } catch (error) {
        const retryInMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures);
        if (failures === 0) {
          this.#options.logger.warn({ reason: String(error), retryInMs }, 'the log cannot be read; streams wait');
        }
        failures += 1;
        await delay(retryInMs, undefined, { ref: false });
      }
    }
    this.#isReading = false;
  }

  async #readOnce(): Promise<void> {
    const { encode, feed } = this.#options;
    const generation = this.#generation;
    const boards = this.#takeDirty();
    const pages = [...this.#requested].slice(0, PLACES_PER_READ);
    const places = [...boards, ...pages.map(([, request]) => request)];
    const results = await this.#options.log.readAfter(places, EVENTS_PER_PLACE).catch((error) => {
      for (const { boardId } of boards) this.#dirty.add(boardId);
      throw error;
    });
    if (generation !== this.#generation) {
      for (const { boardId } of boards) this.#dirty.add(boardId);
      return;
    }
    for (const [index, [place, { resolve }]] of pages.entries()) {
      const events = results[boards.length + index] ?? [];
      this.#requested.delete(place);
      resolve(events.length > 0 ? encode(events) : undefined);
    }
    for (const [index, { boardId }] of boards.entries()) {
      const events = results[index] ?? [];
      if (events.length === EVENTS_PER_PLACE) this.#dirty.add(boardId);
      if (events.length > 0) await feed(boardId, encode(events));
    }
  }

  #takeDirty(): Array<{ boardId: string; after: number }> {
    const taken = [...this.#dirty].slice(0, PLACES_PER_READ);
    return taken.flatMap((boardId) => {
      this.#dirty.delete(boardId);
      const after = this.#options.headOf(boardId);
      return after === undefined ? [] : [{ boardId, after }];
    });
  }
}
