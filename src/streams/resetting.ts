// A place in the log that is lost, and the one that a stream goes on from: by `reset`, or by a snapshot in its place.

import { setTimeout as delay } from 'node:timers/promises';
import type { Failures } from '../background/failures.ts';
import { formatCursor } from '../events/cursor.ts';
import type { Hub } from './fan-out/hub.ts';
import type { Membership } from './membership-end.ts';
import type { TurnKind } from './socket-turns.ts';
import { type ResetReason, resetFrame } from './wire/frame.ts';
import { SnapshotFrame, type SnapshotReader } from './wire/snapshot-frame.ts';
import type { SseConnection } from './wire/sse-connection.ts';

const RETRY_MS = 500;
/** Of a snapshot, however little room there is. */
const LEAST_SLICE_BYTES = 16 * 1024;

export interface ResettingOptions {
  connection: SseConnection;
  hub: Hub;
  boardId: string;
  readMembership: () => Promise<Membership | undefined>;
  readSnapshot: (() => Promise<SnapshotReader | undefined>) | undefined;
  /** Hears how these two go. */
  failures: Failures;
  isReplaying: () => boolean;
  /** Calls it when it is this board's turn on the socket; not when the board is replayed no more by then. */
  inTurn: (kind: TurnKind, write: () => void | Promise<void>) => Promise<void>;
  /** Calls it when no other board of the stream reads or writes a snapshot. */
  readInTurn: (read: () => Promise<void>) => Promise<void>;
  /** Of a frame of this stream that names the cursor, as its boards are now. */
  idOf: (cursor: string) => string;
  /** What is pending has changed. */
  onChange: () => void;
  /** Whether the number of the board is known in the history that the database is in. Only streams of many boards need it. */
  isNumbered: () => boolean;
  learnNumber: (membership: Membership) => void;
  /** To the place that the stream goes on from, as of which the user is a member. */
  moveTo: (seq: number) => void;
  /** The user is no member any more. */
  revoke: () => void;
  /** The client takes nothing of the snapshot. */
  cut: () => void;
}

export class Resetting {
  readonly #options: ResettingOptions;
  #due: ResetReason | undefined;
  /** One that is to be written before all else. */
  #snapshot: SnapshotFrame | undefined;
  #hasFailed = false;

  constructor(options: ResettingOptions) {
    this.#options = options;
  }

  /** Whether a reset is due or a snapshot under way: what the log has comes after it. */
  get isPending(): boolean {
    return this.#due !== undefined || this.#snapshot !== undefined;
  }

  get isInFrame(): boolean {
    return this.#snapshot?.isUnderWay ?? false;
  }

  /** The place is lost. */
  demand(reason: ResetReason): void {
    this.#due = reason;
    this.#options.onChange();
  }

  /** Goes on from the place that the snapshot stands for, which is written first. */
  take(snapshot: SnapshotReader): void {
    const { boardId, moveTo, cut, idOf, onChange } = this.#options;
    const { epoch, seq } = snapshot;
    moveTo(seq);
    const endId = () => {
      // With the end of its frame it is written, unless another is due by now.
      this.#snapshot = undefined;
      onChange();
      return idOf(formatCursor({ epoch, boardId }, seq));
    };
    this.#snapshot = new SnapshotFrame(endId, snapshot);
    onChange();
    snapshot.onCut(cut);
  }

  /** The next step of what is pending; to be called while it is. */
  async proceed(): Promise<void> {
    const { inTurn, isReplaying, readInTurn, readSnapshot } = this.#options;
    this.#hasFailed = false;
    if (this.#snapshot) return this.#writeSnapshot(this.#snapshot);
    // Nothing is read for a client that takes nothing.
    await inTurn('room', () => {});
    if (readSnapshot) await readInTurn(() => this.#replaceBySnapshot(readSnapshot));
    else await this.#sendReset();
    // Until it can be read the stream stays open. Not in the turn: what fails for one board may be there for another.
    if (this.#hasFailed && isReplaying()) await delay(RETRY_MS, undefined, { ref: false });
  }

  /** To be called at the end of the stream. */
  release(): void {
    this.#snapshot?.release();
  }

  async #replaceBySnapshot(readSnapshot: () => Promise<SnapshotReader | undefined>): Promise<void> {
    if (!(await this.#knowsNumber())) return;
    const snapshot = await this.#readPlace(readSnapshot, (unused) => unused.release());
    if (!snapshot) return;
    this.#due = undefined;
    this.take(snapshot);
    if (this.#snapshot) await this.#writeSnapshot(this.#snapshot);
  }

  /** The number of a board is that of one history, and a snapshot does not tell it. */
  async #knowsNumber(): Promise<boolean> {
    const { isNumbered, readMembership, learnNumber } = this.#options;
    if (isNumbered()) return true;
    const membership = await this.#readPlace(readMembership);
    if (membership) learnNumber(membership);
    return membership !== undefined;
  }

  /** Says that the place in the log is lost, and goes on from the newest one. */
  async #sendReset(): Promise<void> {
    const { boardId, connection, hub, idOf, inTurn, learnNumber, moveTo, onChange, readMembership } = this.#options;
    const membership = await this.#readPlace(readMembership);
    if (!membership) return;
    const { epoch, seq } = membership;
    await inTurn('room', () => {
      const reason = this.#due;
      // Otherwise the one that is due by now is another.
      if (!reason || hub.epoch !== epoch) return;
      this.#due = undefined;
      learnNumber(membership);
      // Not from the head of the hub, which may be past a removal by now.
      moveTo(seq);
      onChange();
      const cursor = formatCursor({ epoch, boardId }, seq);
      connection.writeText(resetFrame(idOf(cursor), { boardId, reason, cursor }));
    });
  }

  /**
   * What is skipped may have held the end of the user's membership, and another history may never have had its beginning:
   * so both are looked up again (E6).
   *
   * @param read a place as of which the user is a member; undefined when he or she is none
   * @param drop called with what has been read in vain
   * @returns undefined when it cannot be gone on from: the stream has ended, or must ask again
   */
  async #readPlace<Place extends { seq: number; epoch: string }>(
    read: () => Promise<Place | undefined>,
    drop: (place: Place) => void = () => {},
  ): Promise<Place | undefined> {
    const { hub, failures, isReplaying, revoke } = this.#options;
    // Many of a client that has left may have waited for their turn.
    if (!isReplaying()) return undefined;
    const { epoch } = hub;
    let place: Place | undefined;
    try {
      place = await read();
    } catch (error) {
      this.#hasFailed = true;
      // What failed because it has ended meanwhile is nobody's business.
      if (isReplaying()) failures.failed(error);
      return undefined;
    }
    failures.worked();
    if (place && isReplaying()) {
      hub.learnEpoch(place.epoch);
      // Of another history than it was asked in: then the reset that is due now is another one.
      if (hub.epoch === epoch) return place;
    }
    if (place) drop(place);
    else if (isReplaying()) revoke();
    return undefined;
  }

  /** Writes what there is room for: all others who read it hold the same bytes. */
  async #writeSnapshot(snapshot: SnapshotFrame): Promise<void> {
    const { connection, inTurn, isReplaying, cut } = this.#options;
    await inTurn('frame', async () => {
      do {
        const parts = snapshot.next(Math.max(LEAST_SLICE_BYTES, connection.room));
        if (parts) connection.writeParts(parts);
        if (snapshot.isWritten) return;
        if (!(await connection.drained())) cut();
      } while (isReplaying());
    });
  }
}
