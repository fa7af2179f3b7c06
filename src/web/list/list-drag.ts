// An item of a list under a hand: where it would come to stand, and the end of it.

import { signal } from '@preact/signals-core';

export interface Target {
  /** The column, by its name; empty where there is only one. */
  column: string;
  /** Before which of its items, the dragged one not counted. */
  index: number;
}

export interface ListDragging {
  id: string;
  target: Target | undefined;
}

/** So near to an edge the list scrolls. */
const EDGE_PX = 60;
const SCROLL_PX = 12;

export class ListDrag {
  readonly dragging = signal<ListDragging | undefined>(undefined);
  readonly #root: () => HTMLElement | null;
  readonly #drop: (id: string, target: Target) => void;

  /** @param root has the columns (`data-column`), and those the items (`data-item-id`) */
  constructor(root: () => HTMLElement | null, drop: (id: string, target: Target) => void) {
    this.#root = root;
    this.#drop = drop;
  }

  /** The hand has come down on the handle of the item. */
  start(event: PointerEvent, id: string): void {
    if (event.button !== 0) return;
    event.preventDefault();
    const handle = event.currentTarget as HTMLElement;
    handle.focus();
    handle.setPointerCapture(event.pointerId);
    this.dragging.value = { id, target: undefined };
    const ended = new AbortController();
    const { signal } = ended;
    const end = () => {
      ended.abort();
      const { target } = this.dragging.value ?? {};
      this.dragging.value = undefined;
      return target;
    };
    handle.addEventListener('pointermove', (move) => this.#move(move, id), { signal });
    handle.addEventListener('pointercancel', end, { signal });
    handle.addEventListener(
      'pointerup',
      () => {
        const target = end();
        if (target) this.#drop(id, target);
      },
      { signal },
    );
  }

  #move({ clientX, clientY }: PointerEvent, id: string): void {
    const root = this.#root();
    if (!root) return;
    const column = [...root.querySelectorAll<HTMLElement>('[data-column]')].find((each) => {
      const { left, right } = each.getBoundingClientRect();
      return clientX >= left && clientX <= right;
    });
    if (column) {
      const items = [...column.querySelectorAll<HTMLElement>('[data-item-id]')];
      const others = items.filter(({ dataset }) => dataset.itemId !== id);
      const index = others.findIndex((each) => {
        const { top, height } = each.getBoundingClientRect();
        return clientY < top + height / 2;
      });
      const target = { column: column.dataset.column ?? '', index: index < 0 ? others.length : index };
      this.dragging.value = { id, target };
    }
    const { top, bottom } = root.getBoundingClientRect();
    if (clientY < top + EDGE_PX) root.scrollBy(0, -SCROLL_PX);
    else if (clientY > bottom - EDGE_PX) root.scrollBy(0, SCROLL_PX);
  }
}
