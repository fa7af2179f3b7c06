// A snapshot as one frame, in slices: it may be a thousand times what a stream may have waiting.

import { snapshotFrame } from './frame.ts';
import type { Snapshot } from './stream.ts';

export class SnapshotFrame {
  readonly #snapshot: Snapshot;
  readonly #tail: Buffer;
  #head: Buffer | undefined;
  #isWritten = false;

  constructor(cursor: string, snapshot: Snapshot) {
    const { head, tail } = snapshotFrame(cursor);
    this.#snapshot = snapshot;
    this.#head = Buffer.from(head);
    this.#tail = Buffer.from(tail);
  }

  /** Whether the client waits for the rest of it: whatever is written now becomes a part of it. */
  get isUnderWay(): boolean {
    return this.#head === undefined && !this.#isWritten;
  }

  /**
   * @param most bytes of the snapshot; the ends of the frame come on top
   * @returns the next ones; undefined when all were given
   * @throws TypeError when the snapshot is no single line, which would forge fields
   */
  next(most: number): Buffer[] | undefined {
    if (this.#isWritten) return undefined;
    const slice = this.#snapshot.next(most);
    if (slice?.includes('\n') || slice?.includes('\r')) throw new TypeError('the data of a frame must be one line');
    const parts = [...(this.#head ? [this.#head] : []), slice ?? this.#tail];
    this.#head = undefined;
    this.#isWritten = slice === undefined;
    return parts;
  }

  release(): void {
    this.#snapshot.release();
  }
}
