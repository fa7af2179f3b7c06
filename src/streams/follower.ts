// One board on one stream: reads the log from a place of its own, or is fed by the hub, and never misses an event.

import type { VectorEntry, VectorPlace } from '../events/cursor-vector.ts';
import type { Hub } from './fan-out/hub.ts';
import type { BoardFollower, HubBoard } from './fan-out/hub-board.ts';
import type { FollowedStream, FollowerOptions, Opening } from './follower-options.ts';
import { LogWriter } from './log-writer.ts';
import { type Membership, MembershipEnd } from './membership-end.ts';
import { Resetting } from './resetting.ts';
import type { TurnKind } from './socket-turns.ts';
import type { Placed } from './vector-ids.ts';
import { writeAside, writeEphemeral } from './wire/asides.ts';
import type { Chunk, ResetReason } from './wire/frame.ts';
import type { EventFrame, FrameBatch } from './wire/frame-batch.ts';
import type { SnapshotReader } from './wire/snapshot-frame.ts';

/**
 * Its states: `opening` until it begins; `replaying` while it reads the log from its own position; `live` while the hub
 * feeds it; `ended`. A live one whose client does not keep up goes back to replaying: the log is the overflow queue, so a
 * slow client costs its budget and not its backlog (E5).
 */
export class Follower implements BoardFollower, Placed {
  entry: VectorEntry | undefined;
  readonly #stream: FollowedStream;
  readonly #hub: Hub;
  readonly #board: HubBoard;
  readonly #membership: MembershipEnd;
  readonly #resetting: Resetting;
  readonly #log: LogWriter;
  #state: 'opening' | 'replaying' | 'live' | 'ended' = 'opening';
  /** The number of the board, and of which history of the database it is. */
  #numbered: Membership;
  /** The next event is larger than the room that there is: it waits for all of it. */
  #isStuck = false;
  /** As the last change left it: it is asked for at each event. */
  #isLost = false;

  constructor(stream: FollowedStream, options: FollowerOptions) {
    const { hub, board, admitted, readSnapshot, resetFailures } = options;
    this.#stream = stream;
    this.#hub = hub;
    this.#board = board;
    this.#numbered = admitted;
    const readMembership = async () => {
      const membership = await options.readMembership();
      if (membership) this.#membership.isClaimed = membership.isClaimed;
      return membership;
    };
    this.#membership = new MembershipEnd({
      userId: stream.userId,
      admitted,
      readMembership,
      failures: resetFailures,
      isOver: () => this.#state === 'ended',
      close: (reason) => stream.leave(board.id, reason),
    });
    this.#log = new LogWriter(stream, {
      endedBy: (frame) => this.#membership.endedBy(frame),
      placed: this,
      onGap: () => this.#resetting.demand('gap'),
      onEnd: (reason) => stream.leave(board.id, reason),
    });
    this.#resetting = new Resetting({
      connection: stream.connection,
      hub,
      boardId: board.id,
      readMembership,
      readSnapshot,
      failures: resetFailures,
      isReplaying: () => this.#isReplaying(),
      inTurn: (kind, write) => this.#inTurn(kind, write),
      readInTurn: (read) => stream.readSnapshot(read),
      idOf: (cursor) => this.#stream.ids?.id ?? cursor,
      moveTo: (seq) => this.#moveTo(seq),
      isNumbered: () => !stream.ids || this.#numbered.epoch === hub.epoch,
      learnNumber: (membership) => this.#learnNumber(membership),
      onChange: () => {
        this.#isLost = this.#resetting.isPending;
        stream.ids?.moved(this);
      },
      revoke: () => stream.leave(board.id, 'revoked'),
      cut: () => stream.close('slow'),
    });
  }

  get userId(): string {
    return this.#stream.userId;
  }

  get streamId(): string {
    return this.#stream.id;
  }

  get boardId(): string {
    return this.#board.id;
  }

  /** The last event that was written, or the place where it started. */
  get position(): number {
    return this.#log.position;
  }

  /** Events that were written. */
  get written(): number {
    return this.#log.written;
  }

  /** The newest event of the board as this node knows it. */
  get head(): number {
    return this.#board.head;
  }

  get newestCursor(): string {
    return this.cursorAt(this.head);
  }

  /** Whether the client waits for the rest of a frame: whatever is written now becomes a part of it. */
  get isInFrame(): boolean {
    return this.#resetting.isInFrame;
  }

  /** Whether a reset is due, or a snapshot under way: its place is known after that. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** @returns the cursor of a place in the history that the board is in */
  cursorAt(seq: number): string {
    return this.#board.cursorAt(seq);
  }

  placeIn(epoch: string): VectorPlace | undefined {
    const { number } = this.#numbered;
    if (number === null || this.#numbered.epoch !== epoch) return undefined;
    return { number, seq: this.seqIn(epoch) };
  }

  seqIn(epoch: string): number | undefined {
    const isLost = this.#isLost || this.#board.epoch !== epoch;
    return isLost ? undefined : this.#log.position;
  }

  /** Takes its place. Before {@link follow} the stream can say where that is. */
  begin({ position, reset, startsWithSnapshot }: Opening, snapshot?: SnapshotReader): void {
    this.#log.position = position;
    if (reset || startsWithSnapshot) this.#resetting.demand(reset ?? 'gap');
    this.#board.add(this);
    if (snapshot) this.#resetting.take(snapshot);
  }

  /** From here on it writes what the log has. */
  follow(): void {
    void this.#replay();
    // The board has told of it while this stream was on its way, and the log may be far from it.
    if (this.#board.endsTo > this.#membership.admittedAt) void this.#membership.confirm();
  }

  deliver(batch: FrameBatch): void {
    if (this.#log.writeAtOnce(batch)) return;
    if (!this.#stream.turns.isHeld) this.#log.writeFitting(batch);
    if (this.#state === 'live' && this.#log.position < batch.to) {
      this.#board.leave(this);
      void this.#replay();
    }
  }

  hearEnds(ends: EventFrame[]): void {
    const { epoch } = this.#hub;
    // Meanwhile the history of the end may be none any more.
    this.#membership.hear(ends, () => this.#hub.epoch === epoch);
  }

  reset(reason: ResetReason): void {
    if (this.#state === 'ended') return;
    this.#resetting.demand(reason);
    // The reset itself may have to wait long, for a slow client or for another board's snapshot, and what is skipped may
    // hold the end of access.
    void this.#membership.confirm();
    if (this.#state !== 'live') return;
    this.#board.leave(this);
    void this.#replay();
  }

  /** Ends it soon when the user may not see the board any more. Returns at once. */
  confirm(): void {
    void this.#membership.confirm();
  }

  /** See {@link writeAside}. Never before `ready`, nor before a reset that is due. @returns false when not written */
  sendAside(chunk: Chunk): boolean {
    return this.#takesAsides && writeAside(this.#stream.connection, chunk);
  }

  /** See {@link writeEphemeral}. @returns false when they were not written */
  sendEphemeral(frames: Chunk | Buffer[]): boolean {
    return this.#takesAsides && writeEphemeral(this.#stream.connection, frames);
  }

  fail(error: unknown): void {
    this.#stream.fail(error);
  }

  /** Gives the board back. Writes nothing from here on. More calls do nothing. */
  end(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#resetting.release();
    this.#board.remove(this);
    this.#hub.release(this.#board);
  }

  /** Whether frames that are no part of the log may be written now: not before it begins, nor before a reset that is due. */
  get #takesAsides(): boolean {
    const isOpen = this.#state === 'live' || this.#state === 'replaying';
    return isOpen && !this.#resetting.isPending && !this.#stream.isInFrame;
  }

  /** Reads the log from its own position until the hub can take over. */
  async #replay(): Promise<void> {
    this.#state = 'replaying';
    try {
      while (this.#isReplaying()) {
        if (this.#resetting.isPending) {
          await this.#resetting.proceed();
        } else if (this.#log.position >= this.#board.head) {
          this.#state = 'live';
          this.#board.join(this);
        } else {
          await this.#writePage();
        }
      }
    } catch (error) {
      this.fail(error);
    }
  }

  /** Reads when there is room, and not before: a client that takes nothing holds no page. */
  async #writePage(): Promise<void> {
    const before = this.#log.position;
    const kind = this.#isStuck ? 'idle' : 'room';
    let isKept = false;
    await this.#inTurn(kind, () => {
      const page = this.#hub.keptPage(this.#board.id, before);
      isKept = page !== undefined;
      if (page) this.#writeFrom(page);
    });
    if (!isKept) await this.#stream.readAhead(() => this.#writeRead(kind));
    this.#isStuck = this.#log.position === before && this.#reads();
  }

  async #writeRead(kind: TurnKind): Promise<void> {
    if (!this.#reads()) return;
    const page = await this.#hub.readPage(this.#board.id, this.#log.position);
    await this.#inTurn(kind, () => this.#writeFrom(page));
  }

  #writeFrom(page: FrameBatch | undefined): void {
    const before = this.#log.position;
    if (!this.#reads()) return;
    if (page && page.from <= before && page.to > before) this.#log.write(page);
    else this.#resetting.demand('trimmed');
  }

  /** The turn of one whose place has been lost meanwhile is nobody's. */
  #inTurn(kind: TurnKind, write: () => void | Promise<void>): Promise<void> {
    return this.#stream.turns.take(kind, () => (this.#isReplaying() ? write() : undefined));
  }

  /** To a place as of which the user is a member. */
  #moveTo(seq: number): void {
    this.#log.position = seq;
    this.#membership.admittedAt = seq;
  }

  #learnNumber(membership: Membership): void {
    const isOther = membership.number !== this.#numbered.number || membership.epoch !== this.#numbered.epoch;
    this.#numbered = membership;
    if (isOther) this.#stream.ids?.renumber();
  }

  // Methods and no comparisons in place: the state changes while something is awaited.
  #isReplaying(): boolean {
    return this.#state === 'replaying';
  }

  #reads(): boolean {
    return this.#isReplaying() && !this.#resetting.isPending;
  }
}
