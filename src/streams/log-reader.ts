// Reads the log for a whole node, one read at a time: what is new on its boards, and the pages that streams wait for.

import { setTimeout as delay } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { LogEntry } from '../events/board-event.ts';
import type { EventLog, ReadRequest } from '../events/event-log.ts';
import type { Logger } from '../logger.ts';
import type { FrameBatch } from './frame-batch.ts';
import { PageQueue, type PageRequest } from './page-queue.ts';

/** Boards whose news one read brings, and events of it: bounds its memory, and how long it keeps others waiting. */
const BOARDS_PER_READ = 128;
const NEWS_PER_READ = 1000;
/** How many pages are read at a time for streams that replay: the cap on deep replays, whatever their number. */
const PAGES_PER_READ = 16;
/**
 * Pages begin at multiples of this, and not at the place of each stream: so streams that come back with a thousand
 * different cursors read the same few pages. It is also the most that is read of one board at a time.
 */
const PAGE_EVENTS = 100;
/** Bytes of pages that are kept for those who take a page in several pieces, or come a little later. */
const KEPT_PAGE_BYTES = 8 * 1024 * 1024;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 2000;

export interface LogReaderOptions {
  log: EventLog;
  logger: Logger;
  /** The last event of the board that has been read; undefined when it is not open any more. */
  headOf: (boardId: string) => number | undefined;
  /** Hears of what history each read is. One that is over pauses the reader: what was read is then thrown away. */
  learnEpoch: (epoch: string) => void;
  /** Called once for each page, however many wait for it. */
  encode: (boardId: string, entries: LogEntry[]) => FrameBatch;
  /** Takes the next events of a board, in order; the next read begins when it resolves. */
  feed: (boardId: string, batch: FrameBatch) => Promise<void>;
}

/** What is asked for while a read is under way makes the next one larger, and not the queue longer. */
export class LogReader {
  readonly #options: LogReaderOptions;
  /** Boards whose log may have grown. */
  readonly #dirty = new Set<string>();
  readonly #pages = new PageQueue();
  /** By place. What a page holds never changes, as long as the history is the same; the last one grows. */
  readonly #kept = new LRUCache<string, FrameBatch>({
    maxSize: KEPT_PAGE_BYTES,
    // Its frames, and all of them in one piece.
    sizeCalculation: ({ bytes }) => 2 * bytes,
  });
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
   * The page of the log that holds the event after a place: it may begin before that. Waits as long as the database is
   * away.
   *
   * @returns undefined when the log holds nothing of that page, or when the reader was stopped
   */
  readPage(boardId: string, after: number): Promise<FrameBatch | undefined> {
    if (this.#isStopped) return Promise.resolve(undefined);
    const start = after - (after % PAGE_EVENTS);
    const kept = this.#kept.get(placeOf(boardId, start));
    const head = this.#options.headOf(boardId) ?? Infinity;
    if (kept && (kept.frames.length === PAGE_EVENTS || kept.to >= head)) return Promise.resolve(kept);
    const { page } = this.#pages.request(boardId, start);
    void this.#read();
    return page;
  }

  /** Reads nothing until {@link resume}; what a read under way brings is thrown away, and asked for again. */
  pause(): void {
    this.#isPaused = true;
    this.#generation += 1;
    this.#kept.clear();
  }

  resume(): void {
    this.#isPaused = false;
    void this.#read();
  }

  stop(): void {
    this.#isStopped = true;
    this.#dismiss();
  }

  #dismiss(): void {
    for (const { resolve } of this.#pages.take(this.#pages.size)) resolve(undefined);
  }

  async #read(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    // What becomes dirty in this turn of the event loop goes with the first read.
    await Promise.resolve();
    let failures = 0;
    while (!this.#isStopped && !this.#isPaused && this.#dirty.size + this.#pages.size > 0) {
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
    // What a read that failed meanwhile has put back.
    if (this.#isStopped) this.#dismiss();
  }

  async #readOnce(): Promise<void> {
    const generation = this.#generation;
    const news = this.#takeDirty();
    const pages = this.#pages.take(PAGES_PER_READ);
    const places = [...news, ...pages.map(({ boardId, after }) => ({ boardId, after, limit: PAGE_EVENTS }))];
    // All that was dirty may have been closed meanwhile.
    if (places.length === 0) return;
    let entries: LogEntry[][] | undefined;
    try {
      const read = await this.#options.log.readAfter(places);
      this.#options.learnEpoch(read.epoch);
      entries = read.entries;
    } finally {
      // Not what was asked for: the read failed, or it is of a history that is over.
      if (!entries || generation !== this.#generation) {
        for (const { boardId } of news) this.#dirty.add(boardId);
        this.#pages.putBack(pages);
        entries = undefined;
      }
    }
    if (!entries) return;
    this.#hand(pages, entries.slice(news.length));
    await this.#feed(news, entries, generation);
  }

  #hand(pages: PageRequest[], entries: LogEntry[][]): void {
    for (const [index, { boardId, after, resolve }] of pages.entries()) {
      const found = entries[index] ?? [];
      const page = found.length > 0 ? this.#options.encode(boardId, found) : undefined;
      resolve(page);
      if (page) this.#kept.set(placeOf(boardId, after), page);
    }
  }

  async #feed(news: ReadRequest[], entries: LogEntry[][], generation: number): Promise<void> {
    const { encode, feed } = this.#options;
    for (const [index, { boardId, limit }] of news.entries()) {
      const batch = entries[index] ?? [];
      // The history may end while the streams of the board before are written to.
      const isOver = generation !== this.#generation;
      if (isOver || batch.length === limit) this.#dirty.add(boardId);
      if (!isOver && batch.length > 0) await feed(boardId, encode(boardId, batch));
    }
  }

  /** Each board gets the same share of the read, so that the one with the most news does not hold up the others. */
  #takeDirty(): ReadRequest[] {
    const taken = [...this.#dirty].slice(0, BOARDS_PER_READ);
    const limit = Math.min(PAGE_EVENTS, Math.ceil(NEWS_PER_READ / taken.length));
    return taken.flatMap((boardId) => {
      this.#dirty.delete(boardId);
      const after = this.#options.headOf(boardId);
      return after === undefined ? [] : [{ boardId, after, limit }];
    });
  }
}

function placeOf(boardId: string, after: number): string {
  return `${boardId} ${after}`;
}
