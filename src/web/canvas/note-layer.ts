// The notes that are in sight, as elements. The others have none: a board of thousands opens like one of ten.

import type { Item } from '../../client/types.ts';
import { type Box, NOTE, type Point } from '../model/place.ts';
import { markElement } from '../ui/mark.ts';
import { NoteElement } from './note-element.ts';

export interface NoteView {
  items: ReadonlyMap<string, Item>;
  selected: ReadonlySet<string>;
  /** Where notes are shown that are being dragged. */
  dragged: ReadonlyMap<string, Point>;
  editing: { id: string; field: HTMLTextAreaElement } | undefined;
  /** By the id of a note: who else is writing it. */
  writers: ReadonlyMap<string, string>;
  /** What is in sight. */
  sight: Box;
}

/** Elements are there a little before they come into sight. */
const AHEAD = 300;
/** The highest that a note gets. */
const MOST_HEIGHT = 420;

export class NoteLayer {
  readonly root = document.createElement('div');
  readonly #notes = new Map<string, NoteElement>();

  constructor() {
    this.root.className = 'surface';
  }

  show({ items, selected, dragged, editing, writers, sight }: NoteView): void {
    // By numbers alone: it is done for each note in each frame.
    const left = sight.x - AHEAD - NOTE.width;
    const top = sight.y - AHEAD - MOST_HEIGHT;
    const right = sight.x + sight.width + AHEAD;
    const bottom = sight.y + sight.height + AHEAD;
    const seen = new Set<string>();
    const focused = this.#focusedId();
    for (const item of items.values()) {
      const { id } = item;
      const place = dragged.get(id) ?? item;
      const { x, y } = place;
      const isNear = x > left && x < right && y > top && y < bottom;
      // Of a note that has the focus, the browser would forget that the person is there.
      if (!isNear && id !== editing?.id && id !== focused) continue;
      seen.add(id);
      this.#elementOf(id).show({
        item,
        place,
        isSelected: selected.has(id),
        field: editing?.id === id ? editing.field : undefined,
        writers: writers.get(id) ?? '',
      });
    }
    for (const [id, note] of this.#notes) {
      if (seen.has(id)) continue;
      note.root.remove();
      this.#notes.delete(id);
    }
  }

  /** @param color of who has changed it */
  mark(id: string, color = 'CanvasText'): void {
    const note = this.#notes.get(id);
    if (note) markElement(note.root, color);
  }

  focus(id: string): void {
    this.#notes.get(id)?.root.focus({ preventScroll: true });
  }

  /** @returns ids of the notes that have elements, and their boxes on the surface */
  boxes(): Array<[id: string, box: Box]> {
    return [...this.#notes].map(([id, { root }]) => {
      const { e: x, f: y } = new DOMMatrixReadOnly(root.style.transform);
      return [id, { x, y, width: root.offsetWidth, height: root.offsetHeight }];
    });
  }

  #elementOf(id: string): NoteElement {
    const known = this.#notes.get(id);
    if (known) return known;
    const note = new NoteElement(id);
    this.#notes.set(id, note);
    this.root.append(note.root);
    return note;
  }

  #focusedId(): string | undefined {
    const { activeElement } = this.root.getRootNode() as ShadowRoot;
    return activeElement?.closest<HTMLElement>('.note')?.dataset.itemId;
  }
}
