// A snapshot as one frame, in slices: it may be a thousand times what a stream may have waiting.

import { snapshotFrame } from './frame.ts';

/** What `GET /boards/:id` gives, and the place in the log that it stands for. */
export interface SnapshotReader {
  seq: number;
  epoch: string;
  /** The next bytes, which others read as well; undefined after the last. */
  next(most: number): Buffer | undefined;
  /** To be called when nothing more of it is wanted. */
  release(): void;
  /** @param listener called when others need the room that it takes, and this client takes nothing */
  onCut(listener: () => void): void;
}

export class SnapshotFrame {
  readonly #snapshot: SnapshotReader;
  readonly #id: () => string;
  #isBegun = false;
  #isWritten = false;

  /** @param id asked when the frame ends: it names the places of all boards of the stream */
  constructor(id: () => string, snapshot: SnapshotReader) {
    this.#id = id;
    this.#snapshot = snapshot;
  }

  /** Whether the client waits for the rest of it: whatever is written now becomes a part of it. */
  get isUnderWay(): boolean {
    return this.#isBegun && !this.#isWritten;
  }

  get isWritten(): boolean {
    return this.#isWritten;
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
    const begin = this.#isBegun ? [] : [Buffer.from(snapshotFrame('').head)];
    this.#isBegun = true;
    this.#isWritten = slice === undefined;
    if (this.#isWritten) this.release();
    return [...begin, slice ?? Buffer.from(snapshotFrame(this.#id()).tail)];
  }

  release(): void {
    this.#snapshot.release();
  }
}
