// Fan-out inside one node: reads what is new in the logs of the boards that are open here, once for all streams.

import { setTimeout as delay } from 'node:timers/promises';
import type { BoardEvent } from '../events/board-event.ts';
import type { EventLog, LogExtent } from '../events/event-log.ts';
import type { Logger } from '../logger.ts';
import { FrameBatch } from './frame-batch.ts';
import { HubBoard } from './hub-board.ts';

/** Places and events of one read: bounds its memory, and how long one busy board can hold up the others. */
const PLACES_PER_READ = 128;
const EVENTS_PER_PLACE = 100;
/** How often all heads are compared: the bound on what a lost wake-up costs (E4). */
const SWEEP_INTERVAL_MS = 5000;
/** How long a board without streams is kept, for those who reconnect or turn the page. */
const LINGER_MS = 10_000;
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 2000;

export interface HubOptions {
  log: EventLog;
  logger: Logger;
  /** Resolves when commits on the board are announced from now on. */
  listen: (boardId: string) => Promise<void>;
  unlisten: (boardId: string) => void;
}

interface PageRequest {
  boardId: string;
  after: number;
  resolve: (page: FrameBatch | undefined) => void;
  page: Promise<FrameBatch | undefined>;
}

interface OpenBoard {
  board: HubBoard;
  opened: Promise<void>;
  isOpen: boolean;
  lingering?: NodeJS.Timeout;
}

export class Hub {
  readonly #options: HubOptions;
  readonly #boards = new Map<string, OpenBoard>();
  /** Boards whose log may have grown. */
  readonly #dirty = new Set<string>();
  /** Pages that replaying streams wait for, by place: all who wait at one place share one read. */
  readonly #requested = new Map<string, PageRequest>();
  #epoch = '';
  #reading = false;
  #sweeping = false;
  #startingOver = false;
  #sweepTimer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: HubOptions) {
    this.#options = options;
  }

  get epoch(): string {
    return this.#epoch;
  }

  start(): void {
    this.#sweepTimer ??= setInterval(() => void this.sweep(), SWEEP_INTERVAL_MS);
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#sweepTimer);
    for (const { lingering } of this.#boards.values()) clearTimeout(lingering);
    for (const { resolve } of this.#requested.values()) resolve(undefined);
    this.#requested.clear();
  }

  /**
   * Opens the board on this node, or takes hold of it: what commits from now on is heard, and `head` is known.
   * Each call is answered by one {@link release}.
   *
   * @throws the error of the database when the board was not open and the head can't be read
   */
  async attach(boardId: string): Promise<HubBoard> {
    let entry = this.#boards.get(boardId);
    if (!entry) {
      const board = new HubBoard(boardId);
      const opening: OpenBoard = { board, isOpen: false, opened: Promise.resolve() };
      opening.opened = this.#open(opening);
      this.#boards.set(boardId, opening);
      entry = opening;
    }
    clearTimeout(entry.lingering);
    entry.board.holders += 1;
    try {
      await entry.opened;
    } catch (error) {
      this.release(entry.board);
      throw error;
    }
    return entry.board;
  }

  release(board: HubBoard): void {
    board.holders -= 1;
    const entry = this.#boards.get(board.id);
    if (board.holders > 0 || entry?.board !== board || this.#stopped) return;
    entry.lingering = setTimeout(() => this.#close(board), LINGER_MS);
    entry.lingering.unref();
  }

  /** A hint that the board has events up to `head`. Returns at once. */
  wake(boardId: string, head: number | undefined): void {
    const entry = this.#boards.get(boardId);
    if (!entry) return;
    if (!entry.isOpen) {
      // Its head is being read, perhaps as it was just before this change.
      entry.opened.then(() => this.wake(boardId, head)).catch(() => {});
      return;
    }
    if (head !== undefined && head <= entry.board.head) return;
    this.#dirty.add(boardId);
    void this.#read();
  }

  /**
   * The events after a place, as one page of at most 100. Waits as long as the database is away.
   *
   * @returns undefined when there is nothing after the place, or when the hub has stopped
   */
  readPage(boardId: string, after: number): Promise<FrameBatch | undefined> {
    if (this.#stopped) return Promise.resolve(undefined);
    const place = `${boardId} ${after}`;
    let request = this.#requested.get(place);
    if (!request) {
      let resolve: PageRequest['resolve'] = () => {};
      const page = new Promise<FrameBatch | undefined>((settle) => {
        resolve = settle;
      });
      request = { boardId, after, resolve, page };
      this.#requested.set(place, request);
    }
    void this.#read();
    return request.page;
  }

  /** The extent of the board's log as the database has it now, whatever this node has read of it. */
  async readExtent(board: HubBoard): Promise<LogExtent> {
    const extents = await this.#options.log.extents([board.id]);
    const extent = extents.get(board.id) ?? { head: 0, trimmedTo: 0 };
    this.wake(board.id, extent.head);
    return extent;
  }

  /** Call when the listener is (back) in place: what was announced meanwhile is read now, and a new history noticed. */
  resume(epoch: string): void {
    const isOtherHistory = this.#epoch !== '' && this.#epoch !== epoch;
    this.#epoch = epoch;
    if (isOtherHistory) void this.#startOver();
    else void this.sweep();
  }

  /** Compares the heads of all open boards, and reads where this node is behind. */
  async sweep(): Promise<void> {
    if (this.#sweeping || this.#boards.size === 0) return;
    this.#sweeping = true;
    try {
      const extents = await this.#options.log.extents([...this.#boards.keys()]);
      for (const [boardId, { head, trimmedTo }] of extents) {
        const entry = this.#boards.get(boardId);
        if (entry?.isOpen && trimmedTo > entry.board.head) entry.board.skipTo(head, 'trimmed');
        else this.wake(boardId, head);
      }
    } catch {
      // The next sweep tries again; that the database is away is logged by those who need it now.
    } finally {
      this.#sweeping = false;
    }
  }

  async #open(entry: OpenBoard): Promise<void> {
    const { board } = entry;
    try {
      // In this order: what commits between the two is both in the head and announced; the other way round, neither.
      await this.#options.listen(board.id);
      const extents = await this.#options.log.extents([board.id]);
      board.head = extents.get(board.id)?.head ?? 0;
      entry.isOpen = true;
    } catch (error) {
      this.#close(board);
      throw error;
    }
  }

  #close(board: HubBoard): void {
    if (this.#boards.get(board.id)?.board !== board) return;
    this.#boards.delete(board.id);
    this.#dirty.delete(board.id);
    this.#options.unlisten(board.id);
  }

  /** One read at a time: what is asked for meanwhile makes the next one larger, not the queue longer. */
  async #read(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    // What becomes dirty in this turn of the event loop goes with the first read.
    await Promise.resolve();
    let failures = 0;
    while (!this.#stopped && !this.#startingOver && this.#dirty.size + this.#requested.size > 0) {
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
    this.#reading = false;
  }

  async #readOnce(): Promise<void> {
    const epoch = this.#epoch;
    const pages = [...this.#requested.entries()].slice(0, PLACES_PER_READ);
    const dirty = [...this.#dirty].slice(0, PLACES_PER_READ);
    for (const boardId of dirty) this.#dirty.delete(boardId);
    const boards = dirty.flatMap((boardId) => this.#boards.get(boardId)?.board ?? []);
    const places = [
      ...boards.map(({ id, head }) => ({ boardId: id, after: head })),
      ...pages.map(([, place]) => place),
    ];
    const results = await this.#options.log.readAfter(places, EVENTS_PER_PLACE).catch((error) => {
      for (const boardId of dirty) this.#dirty.add(boardId);
      throw error;
    });
    // Read from a history that has been replaced meanwhile: every stream is about to be reset.
    if (epoch !== this.#epoch) return;
    for (const [index, [place, request]] of pages.entries()) {
      const events = results[boards.length + index] ?? [];
      this.#requested.delete(place);
      request.resolve(events.length > 0 ? new FrameBatch(epoch, events) : undefined);
    }
    for (const [index, board] of boards.entries()) await this.#feed(board, results[index] ?? []);
  }

  async #feed(board: HubBoard, events: BoardEvent[]): Promise<void> {
    const [first] = events;
    if (!first) return;
    if (events.length === EVENTS_PER_PLACE) this.#dirty.add(board.id);
    const batch = new FrameBatch(this.#epoch, events);
    if (first.seq === board.head + 1) await board.advance(batch);
    else board.skipTo(batch.to, 'gap');
  }

  /** Nothing is read until every stream has been told: an event of the new history comes after its reset. */
  async #startOver(): Promise<void> {
    const epoch = this.#epoch;
    this.#startingOver = true;
    this.#options.logger.warn({ epoch }, 'the database has another history; every stream is reset');
    let failures = 0;
    while (!this.#stopped && epoch === this.#epoch) {
      try {
        const extents = await this.#options.log.extents([...this.#boards.keys()]);
        for (const { board } of this.#boards.values()) board.skipTo(extents.get(board.id)?.head ?? 0, 'epoch');
        break;
      } catch {
        await delay(Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures), undefined, { ref: false });
        failures += 1;
      }
    }
    this.#startingOver = false;
    void this.#read();
  }
}
