// Notes under a hand: shown where it is at once, told to the others on the way, and one step for undo.

import { signal } from '@preact/signals-core';
import type { BoardModel } from '../model/board-model.ts';
import type { Point } from '../model/place.ts';
import { newId } from '../state/new-id.ts';

/** So often the others see where they are: a server takes 50 writes a second of a user, and the log keeps each. */
const TELL_MS = 120;

export class NoteDrag {
  /** Where the dragged notes are shown. */
  readonly places = signal<ReadonlyMap<string, Point>>(new Map());
  readonly #model: BoardModel;
  #from: ReadonlyMap<string, Point> = new Map();
  #gesture = '';
  #toldAt = 0;

  constructor(model: BoardModel) {
    this.#model = model;
  }

  /** @param by how far all chosen notes have come, on the surface */
  to(by: Point): void {
    if (!this.#model.canWrite.value) return;
    if (this.#from.size === 0) this.#begin();
    this.places.value = new Map(
      [...this.#from].map(([id, { x, y }]) => [id, { x: Math.round(x + by.x), y: Math.round(y + by.y) }]),
    );
    const now = Date.now();
    if (now - this.#toldAt < TELL_MS) return;
    this.#toldAt = now;
    this.#write();
  }

  end(): void {
    if (this.#from.size > 0) this.#write();
    this.#reset();
  }

  /** Puts them back. */
  cancel(): void {
    if (this.#from.size > 0) {
      this.places.value = this.#from;
      this.#write();
    }
    this.#reset();
  }

  #begin(): void {
    const { items, selected } = this.#model;
    this.#gesture = newId();
    this.#toldAt = Date.now();
    this.#from = new Map(
      [...selected.value].flatMap((id): Array<[string, Point]> => {
        const item = items.value.get(id);
        return item ? [[id, { x: item.x, y: item.y }]] : [];
      }),
    );
  }

  #write(): void {
    const { items } = this.#model;
    const moved = [...this.places.value].filter(([id, { x, y }]) => {
      const item = items.value.get(id);
      return item && (item.x !== x || item.y !== y);
    });
    this.#model.update(new Map(moved), this.#gesture);
  }

  #reset(): void {
    this.#from = new Map();
    this.places.value = new Map();
  }
}
