// One open SSE response, from `ready` to the last frame.

import pLimit, { type LimitFunction } from 'p-limit';
import { Follower } from './follower.ts';
import type { FollowerOptions, Opening } from './follower-options.ts';
import { SocketTurns } from './socket-turns.ts';
import { type KeptPlaces, VectorIds } from './vector-ids.ts';
import type { CloseReason, EndReason, RetrySpan } from './wire/close-reason.ts';
import { boardCloseFrame, type Chunk, closeFrame, manyReadyFrame, readyFrame } from './wire/frame.ts';
import type { ReadyBoard, RefusedBoard } from './wire/frame-schemas.ts';
import type { SnapshotReader } from './wire/snapshot-frame.ts';
import type { SseConnection } from './wire/sse-connection.ts';

/** Of a stream of many boards, what one of them writes of its log in one turn. */
const QUANTUM_BYTES = 64 * 1024;
/** Pages that a stream of many boards holds or waits for at a time, which nobody else may need. */
const PAGES_AT_ONCE = 4;

export interface StreamOptions {
  id: string;
  userId: string;
  /** Of the request that opened it. */
  requestId: string;
  connection: SseConnection;
  /** Of different boards, not empty. */
  boards: FollowerOptions[];
  /** Undefined for the stream of one board, whose frames have the ids that all such streams share. */
  many: ManyBoards | undefined;
  heartbeatSeconds: number;
  /** Called for each board that ends before the stream. */
  onLeave: (follower: Follower, reason: CloseReason) => void;
  /** Called once, when nothing more will be sent; with the error when the reason is `failed`. */
  onEnd: (reason: EndReason, error?: unknown) => void;
}

/** What makes a stream one of many boards, however few they are. */
export interface ManyBoards {
  /** The history of the database, as this node knows it. */
  history: { readonly epoch: string };
  kept: KeptPlaces;
}

/** What the log has is written by its {@link Follower}s; here is what a response says beside it, and its end. */
export class Stream {
  readonly id: string;
  readonly userId: string;
  readonly requestId: string;
  readonly connection: SseConnection;
  readonly openedAt = performance.now();
  readonly turns: SocketTurns;
  readonly ids: VectorIds | undefined;
  readonly quantum: number;
  readonly #options: StreamOptions;
  /** By board. */
  readonly #followers = new Map<string, Follower>();
  readonly #pages: LimitFunction | undefined;
  readonly #snapshots: LimitFunction | undefined;
  /** Events of boards that have ended before it. */
  #writtenBefore = 0;
  /** A board that the client may see is refused for now. */
  #isToComeBack = false;
  #isEnded = false;

  constructor(options: StreamOptions) {
    const { id, userId, requestId, connection, boards, many } = options;
    this.id = id;
    this.userId = userId;
    this.requestId = requestId;
    this.connection = connection;
    this.turns = new SocketTurns(connection, () => this.close('slow'));
    this.#options = options;
    this.quantum = many ? QUANTUM_BYTES : Infinity;
    this.ids = many && new VectorIds(many.history, many.kept);
    for (const board of boards) {
      const follower = new Follower(this, board);
      this.#followers.set(follower.boardId, follower);
      this.ids?.add(follower);
    }
    this.#pages = many && pLimit(PAGES_AT_ONCE);
    this.#snapshots = many && pLimit(1);
  }

  /** What it has of each board that has not ended. */
  get followers(): Iterable<Follower> {
    return this.#followers.values();
  }

  /** Events that were written, of all its boards. */
  get written(): number {
    let written = this.#writtenBefore;
    for (const follower of this.#followers.values()) written += follower.written;
    return written;
  }

  /** Looks again which of its boards the user may see: what let in to them has changed. Returns at once. */
  confirm(): void {
    for (const follower of this.#followers.values()) follower.confirm();
  }

  get isInFrame(): boolean {
    return this.turns.isInFrame;
  }

  get socket() {
    return this.connection.socket;
  }

  /**
   * Writes `ready` and starts to follow the log.
   *
   * @param opening in the history that the board is in
   */
  open(opening: Opening, snapshot?: SnapshotReader): void {
    const [follower] = this.followers;
    if (!follower) return;
    this.#begin();
    // First, because a snapshot moves the position to the place that it stands for, and `ready` names that.
    follower.begin(opening, snapshot);
    const { reset, position } = opening;
    const goesOnFrom = reset || snapshot ? undefined : follower.cursorAt(position);
    const { resumedFrom, ...start } = startOf(follower, opening);
    const { heartbeatSeconds } = this.#options;
    const ready = { streamId: this.id, ...start, heartbeatSeconds, ...(resumedFrom !== undefined && { resumedFrom }) };
    this.connection.writeText(readyFrame(ready, goesOnFrom));
    follower.follow();
  }

  /**
   * The same for many boards.
   *
   * @param asked all that the client has named, in its order; one that is refused is no board of this stream
   */
  openMany(asked: Array<{ boardId: string; key?: string | undefined; opening: Opening } | RefusedBoard>): void {
    this.#begin();
    this.#isToComeBack = asked.some((board) => 'refused' in board && board.refused === 429);
    const boards = asked.map((board): ReadyBoard => {
      if ('refused' in board) return board;
      const follower = this.#followers.get(board.boardId);
      if (!follower) throw new Error(`the board ${board.boardId} has no follower`);
      follower.begin(board.opening);
      const { boardId, ...start } = startOf(follower, board.opening);
      return { boardId, ...(board.key !== undefined && { key: board.key }), ...start };
    });
    const { heartbeatSeconds } = this.#options;
    this.connection.writeText(manyReadyFrame({ streamId: this.id, heartbeatSeconds, boards }, this.ids?.id ?? ''));
    for (const follower of [...this.followers]) follower.follow();
  }

  /** @param read of the log, for one of the boards, and writes what it has read: few do at a time */
  readAhead(read: () => Promise<void>): Promise<void> {
    return this.#pages ? this.#pages(read) : read();
  }

  /** @param read and writes a snapshot: one at a time */
  readSnapshot(read: () => Promise<void>): Promise<void> {
    return this.#snapshots ? this.#snapshots(read) : read();
  }

  /**
   * Writes the heartbeats of its boards, in one piece. Skipped when the client has not taken what it was sent before.
   *
   * @param frames that others hold as well
   */
  sendHeartbeats(frames: Chunk[]): void {
    const { connection } = this;
    if (this.#isEnded || this.isInFrame || connection.room <= 0) return;
    const [only] = frames;
    if (only && frames.length === 1) connection.write(only);
    else connection.writeParts(frames.map(({ text }) => text));
  }

  /** The user's access to a board has ended: with the last one the stream ends, and the others go on. */
  leave(boardId: string, reason: CloseReason): void {
    const follower = this.#followers.get(boardId);
    if (this.#isEnded || !follower) return;
    if (!this.ids) {
      this.close(reason);
      return;
    }
    // Of its own snapshot nothing more may be sent, and its frame has no end then.
    const isCut = follower.isInFrame;
    this.#followers.delete(boardId);
    this.#writtenBefore += follower.written;
    follower.end();
    this.ids.remove(follower);
    this.#options.onLeave(follower, reason);
    if (isCut) {
      // The client is told nothing, and comes back at once for the others.
      this.#end('cut');
      this.connection.destroy();
      return;
    }
    this.turns.say(boardCloseFrame(boardId, reason));
    // One that was full may have room by then.
    if (this.#followers.size === 0) this.close(this.#isToComeBack ? 'busy' : reason);
  }

  /**
   * Says why, then ends the response cleanly; inside the frame of a snapshot, where nothing can be said, by cutting it:
   * a client drops a frame that it did not get whole. Does nothing when the stream has ended.
   *
   * @param retryMs default: as the reason has it
   */
  close(reason: CloseReason, retryMs?: RetrySpan): void {
    if (this.#isEnded) return;
    const { isInFrame } = this;
    this.#end(reason);
    if (isInFrame) this.connection.destroy();
    else this.connection.end(closeFrame(reason, retryMs));
  }

  /** Gives up a client that does not answer any more. */
  abandon(): void {
    this.#end('dead');
    this.connection.destroy();
  }

  /** Ends what cannot be written to, or is in a state that it must not be in. Its client comes back. */
  fail(error: unknown): void {
    this.#end('failed', error);
    this.connection.destroy();
  }

  #begin(): void {
    const { gone } = this.connection;
    gone.addEventListener('abort', () => this.#end(this.connection.vanished ? 'dead' : 'client'), { once: true });
  }

  #end(reason: EndReason, error?: unknown): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const follower of this.followers) follower.end();
    this.#pages?.clearQueue();
    this.#snapshots?.clearQueue();
    this.#options.onEnd(reason, error);
  }
}

/** What `ready` says of a board. */
function startOf(follower: Follower, { resumedFrom }: Opening) {
  const { boardId, position, head } = follower;
  // To one that continues, the newest event: it is up to date when it gets there. To all others, where they start.
  const cursor = follower.cursorAt(resumedFrom === undefined ? position : Math.max(position, head));
  return { boardId, cursor, ...(resumedFrom !== undefined && { resumedFrom }) };
}
