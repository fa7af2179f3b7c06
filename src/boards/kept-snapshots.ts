// The boards that were read a moment ago, for whoever asks for one next: most come in a crowd.

import { LRUCache } from 'lru-cache';
import type { SnapshotBytes } from './snapshot.ts';

export class KeptSnapshots {
  readonly #kept: LRUCache<string, SnapshotBytes>;
  /** Reads of boards of which nothing is kept. Each resolves, also when it fails. */
  readonly #reads = new Map<string, Promise<void>>();

  /** @param mostBytes the board that was used longest ago makes room */
  constructor(mostBytes: number) {
    this.#kept = new LRUCache({ maxSize: mostBytes, sizeCalculation: ({ bytes }) => bytes });
  }

  /**
   * Who comes while the first read of the board is under way waits for it, once, and has then something to compare.
   *
   * @param read is handed what is kept of the board, of which it finds out whether that is still so
   * @returns what `read` returns, of which `whole` is kept. @throws what it throws
   */
  async use<Result extends { whole?: SnapshotBytes | undefined }>(
    boardId: string,
    read: (known: SnapshotBytes | undefined) => Promise<Result>,
  ): Promise<Result> {
    const first = this.#reads.get(boardId);
    if (first) await first;
    const known = this.#kept.get(boardId);
    const result = read(known);
    const kept = result.then(
      ({ whole }) => {
        if (whole && whole !== known) this.#keep(boardId, whole);
      },
      () => {},
    );
    if (!known && !this.#reads.has(boardId)) {
      this.#reads.set(boardId, kept);
      void kept.then(() => this.#reads.delete(boardId));
    }
    return result;
  }

  /** Of two reads the earlier one may be answered later. Of two histories the later one is that of who comes later. */
  #keep(boardId: string, snapshot: SnapshotBytes): void {
    const kept = this.#kept.get(boardId);
    if (!kept || kept.epoch !== snapshot.epoch || kept.seq < snapshot.seq)
      this.#kept.set(boardId, inOnePiece(snapshot));
  }
}

/** So that it is sent without a copy of it. */
function inOnePiece(snapshot: SnapshotBytes): SnapshotBytes {
  return { ...snapshot, pieces: [Buffer.concat(snapshot.pieces)] };
}
