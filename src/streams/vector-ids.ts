// The id of each frame of a stream of many boards: where it is on all of them.

import { type VectorEntry, type VectorPlace, VectorText } from '../events/cursor-vector.ts';

/** What an id says of one board. */
export interface Placed {
  /** Kept by {@link VectorIds} alone: to look up what the id says of a board would cost more than to write it anew. */
  entry: VectorEntry | undefined;
  /** @returns undefined when the board's number in that history is not known yet: it is lost then */
  placeIn(epoch: string): VectorPlace | undefined;
  /** @returns the seq of the same place; only to be asked when there is one */
  seqIn(epoch: string): number | undefined;
}

/** Of boards that are refused for now, and of which a client that comes back goes on where it was. */
export interface KeptPlaces {
  epoch: string;
  places: VectorPlace[];
}

/** Only the board that has moved is written anew: an id for each frame costs less than a microsecond. */
export class VectorIds {
  readonly #history: { readonly epoch: string };
  readonly #boards = new Set<Placed>();
  readonly #kept: KeptPlaces;
  /** Undefined when it has to be made from all boards. */
  #text: VectorText | undefined;
  #epoch = '';

  /** @param history of the database, as this node knows it */
  constructor(history: { readonly epoch: string }, kept: KeptPlaces) {
    this.#history = history;
    this.#kept = kept;
  }

  /** Call before it is asked for an id. */
  add(board: Placed): void {
    this.#boards.add(board);
  }

  /** Call when its place, or what is said of it, has changed. */
  moved(board: Placed): void {
    if (!this.#text) return;
    if (board.entry && this.#epoch === this.#history.epoch) this.#text.move(board.entry, board.seqIn(this.#epoch));
    else this.#text = undefined;
  }

  /** Call when it has ended: it is named no more. */
  remove(board: Placed): void {
    this.#boards.delete(board);
    board.entry = undefined;
    this.#text = undefined;
  }

  /** Call when the number of a board is another one. */
  renumber(): void {
    this.#text = undefined;
  }

  /** How long the next one is, about. */
  get bytes(): number {
    return this.idBytes.length;
  }

  /** As all boards are now. */
  get id(): string {
    return this.idBytes.toString('latin1');
  }

  /** The same as bytes, until one of them moves. */
  get idBytes(): Buffer {
    const { epoch } = this.#history;
    if (epoch !== this.#epoch || !this.#text) this.#text = this.#write(epoch);
    return this.#text.bytes;
  }

  #write(epoch: string): VectorText {
    this.#epoch = epoch;
    const places = new Map<Placed, VectorPlace>();
    for (const board of this.#boards) {
      const place = board.placeIn(epoch);
      if (place) places.set(board, place);
    }
    const isKept = this.#kept.epoch === epoch;
    const isRestLost = places.size < this.#boards.size || (!isKept && this.#kept.places.length > 0);
    const text = new VectorText({ epoch, isRestLost }, [...places.values(), ...(isKept ? this.#kept.places : [])]);
    for (const board of this.#boards) {
      const place = places.get(board);
      board.entry = place && text.entryOf(place.number);
    }
    return text;
  }
}
