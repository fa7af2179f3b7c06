// Fan-out inside one node: knows the boards that are open here, and feeds their streams what the log has.

import { LoggedFailures } from '../../background/failures.ts';
import { Task } from '../../background/task.ts';
import type { EventLog } from '../../events/event-log.ts';
import type { Logger } from '../../logging/logger.ts';
import { isUnavailable } from '../../postgres/database-problem.ts';
import type { Timings } from '../../timings.ts';
import { FrameBatch } from '../wire/frame-batch.ts';
import { FrameRings, type FrameRingsOptions } from './frame-rings.ts';
import { HubBoard } from './hub-board.ts';
import { type HubFigures, stageTimes } from './hub-figures.ts';
import { LogReader } from './log-reader.ts';

export interface HubOptions {
  log: EventLog;
  logger: Logger;
  /** Resolves when commits on the board are announced from now on. */
  listen: (boardId: string) => Promise<void>;
  unlisten: (boardId: string) => void;
  rings: FrameRingsOptions;
  timings: Pick<Timings['streams'], 'headSweepMs' | 'boardLingerMs'>;
}

/** Where a board is, as of one snapshot of the database. */
export interface Place {
  epoch: string;
  head: number;
}

interface OpenBoard {
  board: HubBoard;
  /** Resolves when commits on the board are announced. */
  heard: Promise<void>;
  /** From when on `head` is known. */
  isOpen: boolean;
  /** Something was announced before that. */
  isWoken: boolean;
  /** When it was first woken for what has not been read yet. */
  wokenAt?: number | undefined;
  /** Somebody who could follow it has given it back. */
  isKept: boolean;
  lingering?: NodeJS.Timeout;
}

export class Hub {
  readonly #options: HubOptions;
  readonly #reader: LogReader;
  readonly #rings: FrameRings;
  readonly #boards = new Map<string, OpenBoard>();
  readonly #sweep: Task;
  readonly #startOver: Task;
  #epoch = '';
  #isStopped = false;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#rings = new FrameRings(options.rings);
    this.#reader = new LogReader({
      log: options.log,
      logger: options.logger,
      learnEpoch: (epoch) => this.learnEpoch(epoch),
      headOf: (boardId) => this.#boards.get(boardId)?.board.head,
      encode: (boardId, entries) => FrameBatch.encode({ epoch: this.#epoch, boardId }, entries),
      feed: (boardId, batch, committedAt) => this.#feed(boardId, batch, committedAt),
    });
    const failures = (failing: string, healed: string) =>
      new LoggedFailures({ log: options.logger, owner: 'hub', failing, healed, isOutage: isUnavailable });
    this.#sweep = new Task({
      run: () => this.#compareHeads(),
      failures: failures(
        'the heads cannot be compared; a wake-up that is lost now costs more',
        'the heads are compared',
      ),
    });
    this.#startOver = new Task({
      run: () => this.#resetAll(),
      failures: failures('the new history cannot be read; streams wait for their reset', 'the new history can be read'),
    });
  }

  get figures(): HubFigures {
    return this.#reader.figures;
  }

  get epoch(): string {
    return this.#epoch;
  }

  /** Boards that are open on this node, or kept for a while. */
  get size(): number {
    return this.#boards.size;
  }

  /** Whether the board is open on this node, or is being opened: to take hold of it costs no LISTEN. */
  has(boardId: string): boolean {
    return this.#boards.has(boardId);
  }

  start(): void {
    void this.#sweep.start();
  }

  /** Resolves when nothing of it is under way any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const { lingering } of this.#boards.values()) clearTimeout(lingering);
    await Promise.all([this.#sweep.stop(), this.#startOver.stop(), this.#reader.stop()]);
  }

  /**
   * Takes hold of the board, and opens it on this node when it is not open: what commits from now on is heard, and
   * `head` is known. Each call is answered by one {@link release}.
   *
   * @param ask for the place of the board, and whatever else the caller has to know as of the same moment. Called once
   *   the board is heard: what commits after that is announced, and what commits before it is in the answer; the other
   *   way round something would be in neither
   * @throws what `ask` throws; the board is then not held
   */
  async attach<Answer extends Place>(
    boardId: string,
    ask: () => Promise<Answer>,
  ): Promise<{ board: HubBoard; answer: Answer }> {
    const entry = this.#boards.get(boardId) ?? this.#add(boardId);
    clearTimeout(entry.lingering);
    entry.board.holders += 1;
    try {
      await entry.heard;
      const answer = await ask();
      this.learnEpoch(answer.epoch);
      if (!entry.isOpen) this.#begin(entry, answer);
      return { board: entry.board, answer };
    } catch (error) {
      this.dismiss(entry.board);
      throw error;
    }
  }

  /** The board is kept for a while, for those who reconnect or turn the page. */
  release(board: HubBoard): void {
    board.holders -= 1;
    const entry = this.#boards.get(board.id);
    if (board.holders > 0 || entry?.board !== board || this.#isStopped) return;
    entry.isKept = true;
    entry.lingering = setTimeout(() => this.#close(board), this.#options.timings.boardLingerMs);
    entry.lingering.unref();
  }

  /** The same for those who were refused: nothing is kept for them alone, since anybody can make up ids of boards. */
  dismiss(board: HubBoard): void {
    if (board.holders > 1 || this.#boards.get(board.id)?.isKept) {
      this.release(board);
      return;
    }
    board.holders -= 1;
    if (!this.#isStopped) this.#close(board);
  }

  /** A hint that the board has events up to `head`. Returns at once. */
  wake(boardId: string, head: number | undefined): void {
    const entry = this.#boards.get(boardId);
    if (!entry) return;
    // Its head is being read, perhaps as it was just before this change.
    if (!entry.isOpen) entry.isWoken = true;
    else if (head === undefined || head > entry.board.head) {
      entry.wokenAt ??= performance.now();
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
    const kept = this.keptPage(boardId, after);
    if (kept) return kept;
    this.figures.pages.database += 1;
    return this.#reader.readPage(boardId, after);
  }

  /** The same, only from memory. @returns undefined when it is not there */
  keptPage(boardId: string, after: number): FrameBatch | undefined {
    const { pages } = this.figures;
    const recent = this.#rings.after(boardId, after);
    if (recent) pages.ring += 1;
    const page = recent ?? this.#reader.keptPage(boardId, after);
    if (page && !recent) pages.memory += 1;
    return page;
  }

  /** Call when the listener is (back) in place: what was announced meanwhile is read now. */
  resume(epoch: string): void {
    this.learnEpoch(epoch);
    this.#sweep.hurry();
    this.#startOver.retryNow();
    this.#reader.retryNow();
  }

  /** Compares the heads of all open boards as of now or later, and reads where this node is behind. Returns at once. */
  sweep(): void {
    this.#sweep.wake();
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
    if (isFirst) return;
    this.#options.logger.warn({ epoch }, 'the database has another history; every stream is reset');
    // Nothing is read until every stream has been told: an event of the new history comes after its reset.
    this.#reader.pause();
    this.#rings.clear();
    this.#startOver.wake();
  }

  async #compareHeads(): Promise<number> {
    const { headSweepMs } = this.#options.timings;
    if (this.#boards.size === 0) return headSweepMs;
    const epochBefore = this.#epoch;
    const { epoch, extents } = await this.#options.log.extents([...this.#boards.keys()]);
    this.learnEpoch(epoch);
    if (this.#epoch !== epochBefore) return headSweepMs;
    for (const [boardId, { head, trimmedTo }] of extents) {
      const entry = this.#boards.get(boardId);
      if (entry?.isOpen && trimmedTo > entry.board.head) entry.board.skipTo(head, 'trimmed');
      else this.wake(boardId, head);
    }
    return headSweepMs;
  }

  #add(boardId: string): OpenBoard {
    const heard = this.#options.listen(boardId);
    // Who takes hold of the board hears of it.
    heard.catch(() => {});
    const entry: OpenBoard = { board: new HubBoard(boardId), heard, isOpen: false, isWoken: false, isKept: false };
    this.#boards.set(boardId, entry);
    return entry;
  }

  #begin(entry: OpenBoard, { epoch, head }: Place): void {
    entry.board.begin(epoch, head);
    entry.isOpen = true;
    if (entry.isWoken) this.#reader.markDirty(entry.board.id);
  }

  #close(board: HubBoard): void {
    if (this.#boards.get(board.id)?.board !== board) return;
    clearTimeout(this.#boards.get(board.id)?.lingering);
    this.#boards.delete(board.id);
    this.#reader.forget(board.id);
    this.#rings.drop(board.id);
    this.#options.unlisten(board.id);
  }

  async #feed(boardId: string, batch: FrameBatch, committedAt: number | undefined): Promise<void> {
    const entry = this.#boards.get(boardId);
    if (!entry) return;
    const { board, wokenAt } = entry;
    entry.wokenAt = undefined;
    this.#rings.add(boardId, batch.frames);
    if (batch.from === board.head) {
      const fedAt = performance.now();
      await board.advance(batch);
      this.figures.onBatch(stageTimes(committedAt, wokenAt, fedAt));
    } else if (batch.from > board.head) board.skipTo(batch.to, 'gap');
    // The board has skipped to a place in the middle of it, while it was read.
    else if (batch.to > board.head) this.#reader.markDirty(boardId);
  }

  /** Is asked for again when the history has changed once more meanwhile. */
  async #resetAll(): Promise<undefined> {
    const epoch = this.#epoch;
    const boards = [...this.#boards.values()];
    const read = await this.#options.log.extents(boards.map(({ board }) => board.id));
    this.learnEpoch(read.epoch);
    if (epoch !== this.#epoch) return;
    for (const { board } of boards) {
      const head = read.extents.get(board.id)?.head ?? 0;
      board.begin(epoch, head);
      board.skipTo(head, 'epoch');
    }
    this.#reader.resume();
  }
}
