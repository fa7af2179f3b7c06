// The whole of a board at one place of its log, as bytes that all who read it share.

/** The last event of a board, and the history in which it has that number. */
export interface Place {
  seq: number;
  epoch: string;
}

export interface SnapshotBytes extends Place {
  bytes: number;
  /** `{board, items, members, cursor}` as one line of JSON. Nobody changes them. */
  pieces: readonly Buffer[];
}

/** How far one reader has come. Each must be released, or what it reads is kept for ever. */
export class SnapshotReader {
  readonly #snapshot: SnapshotBytes;
  readonly #onRelease: () => void;
  #onCut: () => void = () => {};
  #piece = 0;
  #offset = 0;
  #isReleased = false;
  #movedAt = performance.now();

  /** False when nobody else reads the same bytes: then what of them waits for a client is that client's own. */
  readonly isShared: boolean;

  /** @param onRelease called once */
  constructor(snapshot: SnapshotBytes, { isShared, onRelease }: { isShared: boolean; onRelease: () => void }) {
    this.#snapshot = snapshot;
    this.isShared = isShared;
    this.#onRelease = onRelease;
  }

  get seq(): number {
    return this.#snapshot.seq;
  }

  get epoch(): string {
    return this.#snapshot.epoch;
  }

  /** Of the whole. */
  get bytes(): number {
    return this.#snapshot.bytes;
  }

  /** When its client took something for the last time, by `performance.now()`. */
  get movedAt(): number {
    return this.#movedAt;
  }

  /** @param most bytes @returns the next ones, not copied; undefined after the last */
  next(most: number): Buffer | undefined {
    this.#movedAt = performance.now();
    const piece = this.#snapshot.pieces[this.#piece];
    if (!piece) return undefined;
    const slice = piece.subarray(this.#offset, this.#offset + most);
    this.#offset += slice.length;
    if (this.#offset >= piece.length) {
      this.#piece += 1;
      this.#offset = 0;
    }
    return slice;
  }

  /** More calls do nothing. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#onRelease();
  }

  /** @param listener ends the answer: others need the room, and its client takes nothing */
  onCut(listener: () => void): void {
    this.#onCut = listener;
  }

  cut(): void {
    this.release();
    this.#onCut();
  }
}
