// Fan-out inside one node: knows the boards that are open here, and feeds their streams what the log has.

import { setTimeout as delay } from 'node:timers/promises';
import type { EventLog, LogExtent } from '../events/event-log.ts';
import type { Logger } from '../logger.ts';
import { FrameBatch } from './frame-batch.ts';
import { FrameRings, type FrameRingsOptions } from './frame-rings.ts';
import { HubBoard } from './hub-board.ts';
import { LogReader } from './log-reader.ts';

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
  rings: FrameRingsOptions;
}

interface OpenBoard {
  board: HubBoard;
  opened: Promise<void>;
  isOpen: boolean;
  lingering?: NodeJS.Timeout;
}

export class Hub {
  readonly #options: HubOptions;
  readonly #reader: LogReader;
  readonly #rings: FrameRings;
  readonly #boards = new Map<string, OpenBoard>();
  #epoch = '';
  #isSweeping = false;
  #isStopped = false;
  #sweepTimer: NodeJS.Timeout | undefined;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#rings = new FrameRings(options.rings);
    this.#reader = new LogReader({
      log: options.log,
      logger: options.logger,
      learnEpoch: (epoch) => this.learnEpoch(epoch),
      headOf: (boardId) => this.#boards.get(boardId)?.board.head,
      encode: (boardId, entries) => FrameBatch.encode({ epoch: this.#epoch, boardId }, entries),
      feed: (boardId, batch) => this.#feed(boardId, batch),
    });
  }

  get epoch(): string {
    return this.#epoch;
  }

  start(): void {
    this.#sweepTimer ??= setInterval(() => void this.sweep(), SWEEP_INTERVAL_MS);
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#sweepTimer);
    for (const { lingering } of this.#boards.values()) clearTimeout(lingering);
    this.#reader.stop();
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
      entry = { board: new HubBoard(boardId), isOpen: false, opened: Promise.resolve() };
      this.#boards.set(boardId, entry);
      entry.opened = this.#open(entry);
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
    if (board.holders > 0 || entry?.board !== board || this.#isStopped) return;
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
    } else if (head === undefined || head > entry.board.head) {
      this.#reader.markDirty(boardId);
    }
  }

  /**
   * The events after a place, one page of them (which may begin before it): from memory when the place is a recent
   * one, else from the database, for which it waits as long as it is away.
   *
   * @returns undefined when there are none
   */
  async readPage(boardId: string, after: number): Promise<FrameBatch | undefined> {
    return this.#rings.after(boardId, after) ?? this.#reader.readPage(boardId, after);
  }

  /** The extent of the board's log as the database has it now, whatever this node has read of it. */
  async readExtent(board: HubBoard): Promise<LogExtent> {
    const { epoch, extents } = await this.#options.log.extents([board.id]);
    this.learnEpoch(epoch);
    const extent = extents.get(board.id) ?? { head: 0, trimmedTo: 0 };
    this.wake(board.id, extent.head);
    return extent;
  }

  /** Call when the listener is (back) in place: what was announced meanwhile is read now. */
  resume(epoch: string): void {
    this.learnEpoch(epoch);
    void this.sweep();
  }

  /**
   * Call with the epoch of whatever was read, before it is used. Of another history than this node's it must not be
   * used: every stream is told first. It may be noticed anywhere; after a failover the pool reaches the new server
   * before the listener does.
   */
  learnEpoch(epoch: string): void {
    if (epoch === this.#epoch) return;
    const isFirst = this.#epoch === '';
    this.#epoch = epoch;
    if (!isFirst) void this.#startOver();
  }

  /** Compares the heads of all open boards, and reads where this node is behind. */
  async sweep(): Promise<void> {
    if (this.#isSweeping || this.#boards.size === 0) return;
    this.#isSweeping = true;
    const epochBefore = this.#epoch;
    try {
      const { epoch, extents } = await this.#options.log.extents([...this.#boards.keys()]);
      this.learnEpoch(epoch);
      if (this.#epoch !== epochBefore) return;
      for (const [boardId, { head, trimmedTo }] of extents) {
        const entry = this.#boards.get(boardId);
        if (entry?.isOpen && trimmedTo > entry.board.head) entry.board.skipTo(head, 'trimmed');
        else this.wake(boardId, head);
      }
    } catch {
      // The next sweep tries again; that the database is away is logged by those who need it now.
    } finally {
      this.#isSweeping = false;
    }
  }

  async #open(entry: OpenBoard): Promise<void> {
    const { board } = entry;
    try {
      // In this order: what commits between the two is both in the head and announced; the other way round, neither.
      await this.#options.listen(board.id);
      const { epoch, extents } = await this.#options.log.extents([board.id]);
      this.learnEpoch(epoch);
      board.begin(epoch, extents.get(board.id)?.head ?? 0);
      entry.isOpen = true;
    } catch (error) {
      this.#close(board);
      throw error;
    }
  }

  #close(board: HubBoard): void {
    if (this.#boards.get(board.id)?.board !== board) return;
    this.#boards.delete(board.id);
    this.#reader.forget(board.id);
    this.#rings.drop(board.id);
    this.#options.unlisten(board.id);
  }

  async #feed(boardId: string, batch: FrameBatch): Promise<void> {
    const board = this.#boards.get(boardId)?.board;
    if (!board) return;
    this.#rings.add(boardId, batch.frames);
    if (batch.from === board.head) await board.advance(batch);
    else if (batch.from > board.head) board.skipTo(batch.to, 'gap');
  }

  /** Nothing is read until every stream has been told: an event of the new history comes after its reset. */
  async #startOver(): Promise<void> {
    const epoch = this.#epoch;
    this.#reader.pause();
    this.#rings.clear();
    this.#options.logger.warn({ epoch }, 'the database has another history; every stream is reset');
    for (let failures = 0; !this.#isStopped && epoch === this.#epoch; failures += 1) {
      try {
        const boards = [...this.#boards.values()];
        const read = await this.#options.log.extents(boards.map(({ board }) => board.id));
        this.learnEpoch(read.epoch);
        if (epoch !== this.#epoch) return;
        for (const { board } of boards) {
          const head = read.extents.get(board.id)?.head ?? 0;
          board.begin(epoch, head);
          board.skipTo(head, 'epoch');
        }
        break;
      } catch {
        await delay(Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures), undefined, { ref: false });
      }
    }
    if (epoch === this.#epoch) this.#reader.resume();
  }
}
