// The newest frames of each open board, kept in memory, so that a storm of reconnects does not reach the database.

import { type EventFrame, FrameBatch } from '../wire/frame-batch.ts';

export interface FrameRingsOptions {
  /** Bytes of frames that are kept of one board; the oldest go first. */
  bytesPerBoard: number;
  /** Bytes of frames that are kept in all; the board that has been quiet for longest goes first. */
  bytesPerNode: number;
}

interface Ring {
  /** Rising by one; all of them can be told. */
  frames: EventFrame[];
  bytes: number;
  /** What was given last: all who come back to one place get the same bytes. */
  given?: FrameBatch;
}

export class FrameRings {
  readonly #options: FrameRingsOptions;
  /** In the order of their last event: a Map iterates in the order of insertion. */
  readonly #rings = new Map<string, Ring>();
  #bytes = 0;

  constructor(options: FrameRingsOptions) {
    this.#options = options;
  }

  /** Bytes that are kept now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param frames rising; what does not follow on what is kept replaces it */
  add(boardId: string, frames: EventFrame[]): void {
    const before = this.#take(boardId);
    const start = startOfKept(frames);
    const follows = before && start === 0 && before.frames.at(-1)?.seq === (frames[0]?.seq ?? 0) - 1;
    const ring: Ring = follows ? { frames: before.frames, bytes: before.bytes } : { frames: [], bytes: 0 };
    for (const frame of frames.slice(start)) {
      ring.frames.push(frame);
      ring.bytes += frame.text?.length ?? 0;
    }
    let tooOld = 0;
    while (ring.bytes > this.#options.bytesPerBoard) {
      ring.bytes -= ring.frames[tooOld]?.text?.length ?? 0;
      tooOld += 1;
    }
    ring.frames.splice(0, tooOld);
    this.#rings.set(boardId, ring);
    this.#bytes += ring.bytes;
    for (const [quietest] of this.#rings) {
      if (this.#bytes <= this.#options.bytesPerNode) break;
      this.#take(quietest);
    }
  }

  /** @returns all kept frames after a place; undefined when they do not begin right after it, or there are none */
  after(boardId: string, seq: number): FrameBatch | undefined {
    const ring = this.#rings.get(boardId);
    const first = ring?.frames[0]?.seq;
    if (!ring || first === undefined || seq + 1 < first || seq + 1 >= first + ring.frames.length) return undefined;
    if (ring.given?.from !== seq) ring.given = new FrameBatch(ring.frames.slice(seq + 1 - first));
    return ring.given;
  }

  drop(boardId: string): void {
    this.#take(boardId);
  }

  clear(): void {
    this.#rings.clear();
    this.#bytes = 0;
  }

  #take(boardId: string): Ring | undefined {
    const ring = this.#rings.get(boardId);
    this.#rings.delete(boardId);
    this.#bytes -= ring?.bytes ?? 0;
    return ring;
  }
}

/**
 * What comes before a hole cannot be continued. And an event that cannot be told now, as it takes too long, may be told
 * at the next look: kept here, it would reset everyone who comes back, for as long as the board is quiet.
 *
 * @returns the index from which on the frames rise by one and can all be told
 */
function startOfKept(frames: EventFrame[]): number {
  let start = 0;
  for (const [index, { seq, text }] of frames.entries()) {
    if (index > 0 && seq - 1 !== frames[index - 1]?.seq) start = index;
    if (text === undefined) start = index + 1;
  }
  return start;
}
