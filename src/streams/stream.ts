// One open SSE response, from `ready` to the last frame.

import { setTimeout as delay } from 'node:timers/promises';
import type { Failures } from '../background/failures.ts';
import { formatCursor } from '../events/cursor.ts';
import type { CloseReason, EndReason } from './close-reason.ts';
import { type Chunk, closeFrame, type ResetReason, readyFrame, resetFrame } from './frame.ts';
import type { EventFrame, FrameBatch } from './frame-batch.ts';
import type { Hub } from './hub.ts';
import type { BoardStream, HubBoard } from './hub-board.ts';
import type { Opening } from './opening.ts';
import { SnapshotFrame } from './snapshot-frame.ts';
import type { SseConnection } from './sse-connection.ts';

const RETRY_MS = 500;
/** Within this a stream whose access has ended may still get to the event that says so. API.md allows one second. */
const END_GRACE_MS = 500;
/** Of a snapshot, however little room there is. */
const LEAST_SLICE_BYTES = 16 * 1024;

/**
 * That the user is a member as of a place in the log, both read in one snapshot of the database. The head of the hub will
 * not do: a node that has not heard of a removal yet would take it for the end of a membership that is newer.
 */
export interface Membership {
  seq: number;
  /** The history of the database that it is of. */
  epoch: string;
}

/** What `GET /boards/:id` gives, and the place in the log that it stands for. */
export interface Snapshot extends Membership {
  /** The next bytes, which others read as well; undefined after the last. */
  next(most: number): Buffer | undefined;
  /** To be called when nothing more of it is wanted. */
  release(): void;
  /** @param listener called when others need the room that it takes, and this client takes nothing */
  onCut(listener: () => void): void;
}

export interface StreamOptions {
  id: string;
  userId: string;
  connection: SseConnection;
  hub: Hub;
  board: HubBoard;
  /** The place as of which the user was a member: a later removal is in the log after it, and ends the stream. */
  admittedAt: number;
  heartbeatSeconds: number;
  /** @returns undefined when the user may not see the board now */
  readMembership: () => Promise<Membership | undefined>;
  /** Set when the client asked for `?snapshot=true`: in place of every `reset`. Undefined when access has ended. */
  readSnapshot?: (() => Promise<Snapshot | undefined>) | undefined;
  /** Hears how these two go when they are read for a reset. */
  resetFailures: Failures;
  /** Called once, when nothing more will be sent; with the error when the reason is `failed`. */
  onEnd: (reason: EndReason, error?: unknown) => void;
}

/**
 * Its states: `opening` until the first frames are written; `replaying` while it reads the log from its own position;
 * `live` while the hub feeds it; `ended`. A live stream whose client does not keep up goes back to replaying: the log
 * is the overflow queue, so a slow client costs its budget and not its backlog (E5).
 */
export class Stream implements BoardStream {
  readonly id: string;
  readonly userId: string;
  readonly openedAt = performance.now();
  readonly #options: StreamOptions;
  #state: 'opening' | 'replaying' | 'live' | 'ended' = 'opening';
  #position = 0;
  #admittedAt: number;
  #pendingReset: ResetReason | undefined;
  /** One that is to be written before all else. */
  #snapshot: SnapshotFrame | undefined;

  constructor(options: StreamOptions) {
    this.#options = options;
    this.id = options.id;
    this.userId = options.userId;
    this.#admittedAt = options.admittedAt;
  }

  get boardId(): string {
    return this.#options.board.id;
  }

  /** The last event that was written to this stream, or the place where it started. */
  get position(): number {
    return this.#position;
  }

  /** The newest event of the board as this node knows it. */
  get newestCursor(): string {
    const { board } = this.#options;
    return board.cursorAt(board.head);
  }

  get socket() {
    return this.#options.connection.socket;
  }

  /**
   * Writes `ready` and starts to follow the log.
   *
   * @param opening in the history that the board is in
   */
  open({ position, resumedFrom, reset }: Opening, snapshot?: Snapshot): void {
    const { id, board, connection, heartbeatSeconds } = this.#options;
    this.#position = position;
    this.#pendingReset = reset;
    board.add(this);
    connection.gone.addEventListener('abort', () => this.#end(connection.vanished ? 'dead' : 'client'), { once: true });
    // First, because it moves the position to the place that the snapshot stands for, and `ready` names that.
    if (snapshot) this.#takeSnapshot(snapshot);
    // To one that continues, the newest event: it is up to date when it gets there. To all others, where they start.
    const cursor = resumedFrom === undefined ? this.#position : Math.max(this.#position, board.head);
    const ready = readyFrame(
      {
        streamId: id,
        boardId: board.id,
        cursor: board.cursorAt(cursor),
        heartbeatSeconds,
        ...(resumedFrom !== undefined && { resumedFrom }),
      },
      reset || snapshot ? undefined : board.cursorAt(position),
    );
    connection.writeText(ready);
    void this.#follow();
    // The board has told of it while this stream was on its way, and the log may be far from it.
    if (board.endsTo > this.#admittedAt) void this.#confirmMembership();
  }

  deliver(batch: FrameBatch): void {
    this.#write(batch);
    if (this.#state === 'live' && this.#position < batch.to) {
      this.#options.board.leave(this);
      void this.#follow();
    }
  }

  /**
   * The log is not waited for: who reads slowly, or is in the middle of a large snapshot, would get to the end of the own
   * access many minutes later, and be sent what lies before it until then (E6). A stream that keeps up shows the event
   * first; of one that does not, what lay before it is never told, as its user may not see it any more.
   */
  hearEnds(ends: EventFrame[]): void {
    const { hub } = this.#options;
    const { epoch } = hub;
    const end = ends.findLast((frame) => this.#endedBy(frame));
    if (!end?.ends) return;
    // Meanwhile a reset may find a newer membership, or the history of the end may be none any more.
    this.#endSoon(end.ends.reason, () => hub.epoch === epoch && this.#endedBy(end) !== undefined);
  }

  reset(reason: ResetReason): void {
    if (this.#state === 'ended') return;
    this.#pendingReset = reason;
    if (this.#state !== 'live') {
      // The reset itself may have to wait long for a slow client, and what is skipped may hold the end of access.
      void this.#confirmMembership();
      return;
    }
    this.#options.board.leave(this);
    void this.#follow();
  }

  /** Writes a frame without an id. Skipped when the client has not taken what it was sent before. */
  sendHeartbeat(heartbeat: Chunk): void {
    const { connection } = this.#options;
    if (this.#state !== 'ended' && !this.#snapshot && connection.room > 0) connection.write(heartbeat);
  }

  /**
   * Writes frames that are no part of the log, and thus have no id. Never before `ready`, nor before a reset that is
   * due; and to a slow client only what there is room for, or anything when nothing waits (E5).
   *
   * @returns false when they were not written
   */
  sendAside(chunk: Chunk): boolean {
    const { connection } = this.#options;
    if (!this.#isAsideInOrder()) return false;
    if (chunk.text.length > connection.room && connection.waitingBytes > 0) return false;
    connection.write(chunk);
    return true;
  }

  /**
   * Writes frames that nobody misses, where {@link sendAside} could, but only while nothing waits for the client: they
   * never take the room that an event needs (E5).
   *
   * @param frames in one piece, or in parts that others hold as well
   */
  sendEphemeral(frames: Chunk | Buffer[]): void {
    const { connection } = this.#options;
    if (!this.#isAsideInOrder() || connection.waitingBytes > 0) return;
    if (!Array.isArray(frames)) connection.write(frames);
    else if (frames.length > 0) connection.writeParts(frames);
  }

  /**
   * Says why, then ends the response cleanly; inside the frame of a snapshot, where nothing can be said, by cutting it:
   * a client drops a frame that it did not get whole. Does nothing when the stream has ended.
   */
  close(reason: CloseReason): void {
    if (this.#state === 'ended') return;
    const { connection } = this.#options;
    const isInFrame = this.#snapshot?.isUnderWay ?? false;
    this.#end(reason);
    if (isInFrame) connection.destroy();
    else connection.end(closeFrame(reason));
  }

  /** Gives up a client that does not answer any more. */
  abandon(): void {
    this.#end('dead');
    this.#options.connection.destroy();
  }

  /** Ends what cannot be written to, or is in a state that it must not be in. Its client comes back. */
  fail(error: unknown): void {
    this.#end('failed', error);
    this.#options.connection.destroy();
  }

  /** Reads the log from the stream's own position until the hub can take over. */
  async #follow(): Promise<void> {
    const { connection, hub, board } = this.#options;
    this.#state = 'replaying';
    /** The next event is larger than the room that a drained connection has. */
    let isStuck = false;
    try {
      while (this.#isReplaying()) {
        // A page may come from memory: without a real wait here, what finds no room would be tried for ever.
        const moves = await connection.drained(isStuck ? 0 : undefined);
        if (!this.#isReplaying()) return;
        if (!moves) return this.close('slow');
        if (this.#snapshot) {
          this.#writeSnapshot(this.#snapshot);
        } else if (this.#pendingReset) {
          await this.#sendReset(this.#pendingReset);
        } else if (this.#position >= board.head) {
          this.#state = 'live';
          board.join(this);
        } else {
          const before = this.#position;
          const page = await hub.readPage(board.id, before);
          if (!this.#isReplaying() || this.#pendingReset) continue;
          if (page && page.from <= before && page.to > before) this.#write(page);
          else this.#pendingReset = 'trimmed';
          isStuck = this.#position === before;
        }
      }
    } catch (error) {
      this.fail(error);
    }
  }

  /** Writes what there is room for, one event at least when nothing waits, and none that the stream has had. */
  #write(batch: FrameBatch): void {
    const { connection } = this.#options;
    if (this.#position === batch.from && batch.isSameForAll(this.id) && batch.bytes <= connection.room) {
      connection.write(batch.chunk);
      this.#position = batch.to;
    } else {
      this.#writeFrames(batch.frames);
    }
  }

  #writeFrames(frames: EventFrame[]): void {
    const { connection } = this.#options;
    let { room } = connection;
    const parts: Buffer[] = [];
    let ending: CloseReason | undefined;
    for (const frame of frames) {
      if (frame.seq <= this.#position) continue;
      // A row that somebody has deleted, or two reads between which the log was trimmed.
      if (frame.seq !== this.#position + 1) {
        this.#pendingReset = 'gap';
        break;
      }
      ending = this.#endedBy(frame);
      const text = this.#isOwn(frame) ? frame.origin.text : frame.text;
      if (text === undefined) {
        // What cannot be told ends access all the same.
        if (!ending) this.#pendingReset = 'gap';
        break;
      }
      const isFirst = parts.length === 0 && connection.waitingBytes === 0;
      if (text.length > room && !isFirst) {
        ending = undefined;
        break;
      }
      parts.push(text);
      room -= text.length;
      this.#position = frame.seq;
      if (ending) break;
    }
    if (parts.length > 0) connection.writeParts(parts);
    if (ending) this.close(ending);
  }

  /** Only the writer may name the writer's stream: of others it would hide a change. */
  #isOwn(frame: EventFrame): frame is EventFrame & Required<Pick<EventFrame, 'origin'>> {
    return frame.origin?.streamId === this.id && frame.origin.userId === this.userId;
  }

  /** The event that ends a user's access is the last one that the user sees (E6). */
  #endedBy({ seq, ends }: EventFrame): CloseReason | undefined {
    if (!ends || seq <= this.#admittedAt) return undefined;
    return ends.userId === undefined || ends.userId === this.userId ? ends.reason : undefined;
  }

  /** @param isStill asked when the time is over: whether nothing that was read meanwhile says otherwise */
  #endSoon(reason: CloseReason, isStill: () => boolean): void {
    const end = () => {
      if (isStill()) this.close(reason);
    };
    setTimeout(end, END_GRACE_MS).unref();
  }

  /** Ends the stream soon when the user is no member any more. While it cannot be known, the stream stays open. */
  async #confirmMembership(): Promise<void> {
    const { readMembership, resetFailures } = this.#options;
    const admittedAt = this.#admittedAt;
    while (!this.#isEnded() && this.#admittedAt === admittedAt) {
      try {
        const membership = await readMembership();
        resetFailures.worked();
        if (!membership) this.#endSoon('revoked', () => this.#admittedAt === admittedAt);
        return;
      } catch (error) {
        if (this.#isEnded()) return;
        resetFailures.failed(error);
        await delay(RETRY_MS, undefined, { ref: false });
      }
    }
  }

  /**
   * Says that the place in the log is lost, and goes on from the newest one. What was skipped may have held the end of the
   * user's membership, and another history may never have had its beginning: so both are looked up again (E6).
   */
  async #sendReset(reason: ResetReason): Promise<void> {
    const { connection, hub, readSnapshot, readMembership, resetFailures } = this.#options;
    const { epoch } = hub;
    let snapshot: Snapshot | undefined;
    let membership: Membership | undefined;
    try {
      snapshot = await readSnapshot?.();
      membership = readSnapshot ? snapshot : await readMembership();
    } catch (error) {
      // Until it can be read the stream stays open. What failed because it has ended meanwhile is nobody's business.
      if (!this.#isReplaying()) return;
      resetFailures.failed(error);
      await delay(RETRY_MS, undefined, { ref: false });
      return;
    }
    resetFailures.worked();
    if (!this.#goesOnFrom(membership, epoch)) {
      snapshot?.release();
      return;
    }
    this.#pendingReset = undefined;
    const cursor = formatCursor({ epoch, boardId: this.boardId }, this.#position);
    if (snapshot) this.#takeSnapshot(snapshot);
    else connection.writeText(resetFrame(cursor, reason));
  }

  /** @param epoch before the membership was read @returns false when the stream has ended, or must ask again */
  #goesOnFrom(membership: Membership | undefined, epoch: string): boolean {
    const { hub } = this.#options;
    if (!this.#isReplaying()) return false;
    if (!membership) {
      this.close('revoked');
      return false;
    }
    hub.learnEpoch(membership.epoch);
    // Then the reset that is due now is another one.
    if (hub.epoch !== epoch) return false;
    this.#admittedAt = membership.seq;
    // Not from the head of the hub, which may be past a removal by now.
    this.#position = membership.seq;
    return true;
  }

  #takeSnapshot(snapshot: Snapshot): void {
    const { epoch, seq } = snapshot;
    this.#position = seq;
    this.#admittedAt = seq;
    this.#snapshot = new SnapshotFrame(formatCursor({ epoch, boardId: this.boardId }, seq), snapshot);
    snapshot.onCut(() => this.close('slow'));
  }

  /** Writes what there is room for: all others who read it hold the same bytes. */
  #writeSnapshot(snapshot: SnapshotFrame): void {
    const { connection } = this.#options;
    const parts = snapshot.next(Math.max(LEAST_SLICE_BYTES, connection.room));
    if (parts) {
      connection.writeParts(parts);
      return;
    }
    snapshot.release();
    this.#snapshot = undefined;
  }

  /** Not before `ready`, nor before a reset or a snapshot that is due. */
  #isAsideInOrder(): boolean {
    return (this.#state === 'live' || this.#state === 'replaying') && !this.#pendingReset && !this.#snapshot;
  }

  // A method and not a comparison in place: the state changes while something is awaited.
  #isReplaying(): boolean {
    return this.#state === 'replaying';
  }

  #isEnded(): boolean {
    return this.#state === 'ended';
  }

  #end(reason: EndReason, error?: unknown): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#snapshot?.release();
    const { board, hub, onEnd } = this.#options;
    board.remove(this);
    hub.release(board);
    onEnd(reason, error);
  }
}
