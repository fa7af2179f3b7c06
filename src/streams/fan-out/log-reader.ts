// Reads the log for a whole node, one read at a time: what is new on its boards, and the pages that streams wait for.

import { LRUCache } from 'lru-cache';
import { LoggedFailures } from '../../background/failures.ts';
import { Task } from '../../background/task.ts';
import { type LogEntry, timeOf } from '../../events/board-event.ts';
import type { EventLog, ReadRequest } from '../../events/event-log.ts';
import type { Logger } from '../../logging/logger.ts';
import { isUnavailable } from '../../postgres/database-problem.ts';
import type { FrameBatch } from '../wire/frame-batch.ts';
import { HubFigures } from './hub-figures.ts';
import { PageQueue, type PageRequest } from './page-queue.ts';
import { ReadSize } from './read-size.ts';

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
/** Bytes of pages that are kept for those who take a page in several pieces, or come a little later: one at least. */
const KEPT_PAGE_BYTES = 16 * 1024 * 1024;

export interface LogReaderOptions {
  log: EventLog;
  logger: Logger;
  /** The last event of the board that has been read; undefined when it is not open any more. */
  headOf: (boardId: string) => number | undefined;
  /** Hears of what history each read is. One that is over pauses the reader: what was read is then thrown away. */
  learnEpoch: (epoch: string) => void;
  /** Called once for each page, however many wait for it. */
  encode: (boardId: string, entries: LogEntry[]) => FrameBatch;
  /** Takes the next events of a board, in order, and when the first was committed; the next read begins when it resolves. */
  feed: (boardId: string, batch: FrameBatch, committedAt: number | undefined) => Promise<void>;
}

/** What is asked for while a read is under way makes the next one larger, and not the queue longer. */
export class LogReader {
  readonly figures = new HubFigures();
  readonly #options: LogReaderOptions;
  /** Boards whose log may have grown. */
  readonly #dirty = new Set<string>();
  readonly #pages = new PageQueue();
  /**
   * By place. What such a page holds never changes, as long as the history is the same; the last one grows. None in which
   * an event cannot be told: what took too long may be told at the next look.
   */
  readonly #kept = new LRUCache<string, FrameBatch>({
    maxSize: KEPT_PAGE_BYTES,
    // Its frames, and all of them in one piece.
    sizeCalculation: ({ bytes }) => 2 * bytes,
  });
  readonly #size = new ReadSize({ least: PAGE_EVENTS, most: PAGES_PER_READ * PAGE_EVENTS });
  readonly #task: Task;
  #generation = 0;
  #isPaused = false;

  constructor(options: LogReaderOptions) {
    this.#options = options;
    this.#task = new Task({
      run: () => this.#read(),
      failures: new LoggedFailures({
        log: options.logger,
        owner: 'log reader',
        failing: 'the log cannot be read; streams wait',
        healed: 'the log can be read again',
        isOutage: isUnavailable,
      }),
    });
  }

  /** The board may have events after its head. Returns at once. */
  markDirty(boardId: string): void {
    this.#dirty.add(boardId);
    this.#task.wake();
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
    if (this.#task.isStopping) return Promise.resolve(undefined);
    const kept = this.keptPage(boardId, after);
    if (kept) return Promise.resolve(kept);
    const { page } = this.#pages.request(boardId, startOf(after));
    this.#task.wake();
    return page;
  }

  /** The same, only from memory. @returns undefined when it is not there */
  keptPage(boardId: string, after: number): FrameBatch | undefined {
    const kept = this.#kept.get(placeOf(boardId, startOf(after)));
    const head = this.#options.headOf(boardId) ?? Infinity;
    return kept && (kept.frames.length === PAGE_EVENTS || kept.to >= head) ? kept : undefined;
  }

  /** For whoever hears that the database is back: what could not be read is read at once. */
  retryNow(): void {
    this.#task.retryNow();
  }

  /** Reads nothing until {@link resume}; what a read under way brings is thrown away, and asked for again. */
  pause(): void {
    this.#isPaused = true;
    this.#generation += 1;
    this.#kept.clear();
  }

  resume(): void {
    this.#isPaused = false;
    // The database has just answered.
    this.#task.hurry();
  }

  /** Resolves when the read under way has ended. */
  async stop(): Promise<void> {
    const stopped = this.#task.stop();
    this.#dismiss();
    await stopped;
    // What a read that failed meanwhile has put back.
    this.#dismiss();
  }

  #dismiss(): void {
    for (const { resolve } of this.#pages.take(this.#pages.size)) resolve(undefined);
  }

  async #read(): Promise<number | undefined> {
    if (this.#isPaused || !this.#hasMore()) return;
    await this.#readOnce();
    return this.#isPaused || !this.#hasMore() ? undefined : 0;
  }

  #hasMore(): boolean {
    return this.#dirty.size + this.#pages.size > 0;
  }

  async #readOnce(): Promise<void> {
    const generation = this.#generation;
    const news = this.#takeDirty();
    const pages = this.#pages.take(Math.floor(this.#size.events / PAGE_EVENTS));
    const places = [...news, ...pages.map(({ boardId, after }) => ({ boardId, after, limit: PAGE_EVENTS }))];
    // All that was dirty may have been closed meanwhile.
    if (places.length === 0) return;
    let entries: LogEntry[][] | undefined;
    try {
      const startedAt = performance.now();
      const read = await this.#options.log.readAfter(places);
      this.figures.onRead(performance.now() - startedAt);
      this.#options.learnEpoch(read.epoch);
      entries = read.entries;
      this.#noteSize(entries);
    } finally {
      // Not what was asked for: the read failed, or it is of a history that is over.
      if (!entries || generation !== this.#generation) {
        for (const { boardId } of news) this.#dirty.add(boardId);
        this.#pages.putBack(pages);
        entries = undefined;
      }
    }
    if (!entries) return;
    const faults = [...this.#hand(pages, entries.slice(news.length)), ...(await this.#feed(news, entries, generation))];
    if (faults.length > 0) throw faults[0];
  }

  #noteSize(entries: LogEntry[][]): void {
    let events = 0;
    let bytes = 0;
    for (const entry of entries.flat()) {
      events += 1;
      bytes += entry.json?.length ?? 0;
    }
    this.#size.note(events, bytes);
    const { read } = this.figures;
    read.events += events;
    read.bytes += bytes;
  }

  /** @returns what went wrong; who waits for a page that cannot be made gets none, and nobody else suffers by it */
  #hand(pages: PageRequest[], entries: LogEntry[][]): unknown[] {
    const faults: unknown[] = [];
    for (const [index, { boardId, after, resolve }] of pages.entries()) {
      const found = entries[index] ?? [];
      let page: FrameBatch | undefined;
      // Nothing that throws may stand outside: the pages after this one would be waited for until their streams end.
      try {
        page = found.length > 0 ? this.#options.encode(boardId, found) : undefined;
        if (page && found.every(({ json }) => json !== undefined)) this.#kept.set(placeOf(boardId, after), page);
      } catch (error) {
        faults.push(error);
      }
      resolve(page);
    }
    return faults;
  }

  /** @returns what went wrong; the board is read again then, and the others have got theirs */
  async #feed(news: ReadRequest[], entries: LogEntry[][], generation: number): Promise<unknown[]> {
    const { encode, feed } = this.#options;
    const faults: unknown[] = [];
    for (const [index, { boardId, limit }] of news.entries()) {
      const batch = entries[index] ?? [];
      // The history may end while the streams of the board before are written to.
      const isOver = generation !== this.#generation;
      if (isOver || batch.length === limit) this.#dirty.add(boardId);
      if (isOver || batch.length === 0) continue;
      try {
        await feed(boardId, encode(boardId, batch), batch[0] && timeOf(batch[0]));
      } catch (error) {
        faults.push(error);
        this.#dirty.add(boardId);
      }
    }
    return faults;
  }

  /** Each board gets the same share of the read, so that the one with the most news does not hold up the others. */
  #takeDirty(): ReadRequest[] {
    const taken = [...this.#dirty].slice(0, BOARDS_PER_READ);
    const events = Math.min(NEWS_PER_READ, this.#size.events);
    const limit = Math.min(PAGE_EVENTS, Math.ceil(events / taken.length));
    return taken.flatMap((boardId) => {
      this.#dirty.delete(boardId);
      const after = this.#options.headOf(boardId);
      return after === undefined ? [] : [{ boardId, after, limit }];
    });
  }
}

/** Of the page that holds the event after a place. */
function startOf(after: number): number {
  return after - (after % PAGE_EVENTS);
}

function placeOf(boardId: string, after: number): string {
  return `${boardId} ${after}`;
}
