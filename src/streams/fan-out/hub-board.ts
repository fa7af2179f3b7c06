// One board on this node: how far its log has been read here, and which streams are fed as it grows.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { formatCursor } from '../../events/cursor.ts';
import type { ResetReason } from '../wire/frame.ts';
import type { EventFrame, FrameBatch } from '../wire/frame-batch.ts';

/** Streams that are written to before the event loop gets a turn: their system calls run inline, about 7 µs each. */
const FAN_OUT = 256;

/** What a board needs of who follows it on a stream. */
export interface BoardFollower {
  readonly userId: string;
  /** A live stream gets each batch, in order. It takes the frames after its own position. */
  deliver(batch: FrameBatch): void;
  /** Events that end access, some of them the user's: the stream may be far from getting to them. Oldest first. */
  hearEnds(ends: EventFrame[]): void;
  /** The stream's place in the log is lost; it says so and goes on from the head. */
  reset(reason: ResetReason): void;
  /** Ends it, because one of the others has thrown. */
  fail(error: unknown): void;
}

export class HubBoard {
  readonly id: string;
  #epoch = '';
  #head = 0;
  /** How many have asked the hub for this board and not given it back. */
  holders = 0;
  #skips = 0;
  #endsTo = 0;
  readonly #followers = new Set<BoardFollower>();
  readonly #live = new Set<BoardFollower>();

  constructor(id: string) {
    this.id = id;
  }

  /** The last event that the live streams have been given. */
  get head(): number {
    return this.#head;
  }

  /** The history of the database that the head is of: while a new one begins, not yet that of the hub. */
  get epoch(): string {
    return this.#epoch;
  }

  /** After this event nobody's access has ended, as far as this node has heard. 0 when it has heard of no end. */
  get endsTo(): number {
    return this.#endsTo;
  }

  /** @returns the cursor of a place in the same history as the head */
  cursorAt(seq: number): string {
    return formatCursor({ epoch: this.#epoch, boardId: this.id }, seq);
  }

  /** Where the board is when this node begins to follow it in a history. Only the hub says so. */
  begin(epoch: string, head: number): void {
    this.#epoch = epoch;
    this.#head = head;
    this.#endsTo = 0;
  }

  add(follower: BoardFollower): void {
    this.#followers.add(follower);
  }

  remove(follower: BoardFollower): void {
    this.#followers.delete(follower);
    this.#live.delete(follower);
  }

  /**
   * From here on the stream is fed by the hub. The caller's position is at the head or past it, compared in this very
   * tick: so there is neither a gap nor a frame to hold back. (It is past the head when the stream's own reading, or
   * another node from which it came, was ahead of this hub; `deliver` skips what it has.)
   */
  join(follower: BoardFollower): void {
    this.#live.add(follower);
  }

  leave(follower: BoardFollower): void {
    this.#live.delete(follower);
  }

  /** Moves the head over the batch, then writes it to every stream that is live. */
  async advance(batch: FrameBatch): Promise<void> {
    // First the head: a stream that catches up during the turns below then sees that it has not caught up.
    this.#head = batch.to;
    this.#tellEnds(batch.frames.filter(({ ends }) => ends));
    const skips = this.#skips;
    const receivers = this.#live.values();
    while (!deliver(batch, receivers)) {
      await nextTurn();
      // Meanwhile a stream may have been reset into another history, where this batch means nothing.
      if (skips !== this.#skips) return;
    }
  }

  /** What lies between can't be read: every stream says so, and goes on from `head`. */
  skipTo(head: number, reason: ResetReason): void {
    this.#head = head;
    // Any of what is skipped may have been one.
    this.#endsTo = head;
    this.#skips += 1;
    for (const follower of [...this.#followers]) attempt(follower, () => follower.reset(reason));
  }

  /** To all: also a live one may have no room for the event that ends it, and get to it only much later (E6). */
  #tellEnds(frames: EventFrame[]): void {
    const last = frames.at(-1);
    if (!last) return;
    this.#endsTo = last.seq;
    const users = new Set(frames.map(({ ends }) => ends?.userId));
    // A deleted board is the end for everyone.
    const isForAll = users.has(undefined);
    for (const follower of [...this.#followers]) {
      if (isForAll || users.has(follower.userId)) attempt(follower, () => follower.hearEnds(frames));
    }
  }
}

/**
 * Goes on where it was. Of a set, they are those that are in it when it is their turn: one that has left is passed over, and
 * one that has joined meanwhile has the batch, and takes nothing of it.
 *
 * @returns whether all have had it
 */
function deliver(batch: FrameBatch, receivers: Iterator<BoardFollower>): boolean {
  for (let count = 0; count < FAN_OUT; count += 1) {
    const { done, value: follower } = receivers.next();
    if (done) return true;
    // As {@link attempt}, without a function for each.
    try {
      follower.deliver(batch);
    } catch (error) {
      follower.fail(error);
    }
  }
  return false;
}

/** One that throws is ended, and the others go on: they would have a gap that nobody knows of (E2, E5). */
function attempt(follower: BoardFollower, work: () => void): void {
  try {
    work();
  } catch (error) {
    follower.fail(error);
  }
}
