// One note on the canvas: an element, its text or the field for it, and who else is writing it.

import type { Item } from '../../client/types.ts';
import type { Point } from '../model/place.ts';

export interface NoteLook {
  item: Item;
  /** Where it is shown: under the hand of who drags it, else where it is. */
  place: Point;
  isSelected: boolean;
  /** The field, while the user writes in it. */
  field: HTMLTextAreaElement | undefined;
  /** Who else is writing it. */
  writers: string;
}

export class NoteElement {
  readonly root = document.createElement('div');
  readonly #text = document.createElement('div');
  #badge: HTMLElement | undefined;
  #shown: NoteLook | undefined;

  constructor(id: string) {
    this.root.className = 'note';
    this.root.dataset.itemId = id;
    this.root.tabIndex = 0;
    this.root.setAttribute('role', 'group');
    this.root.setAttribute('aria-roledescription', 'note');
    this.#text.className = 'text';
    this.root.append(this.#text);
  }

  /** Touches only what is not so already. */
  show(look: NoteLook): void {
    const before = this.#shown;
    const { item, place, isSelected, field, writers } = look;
    if (
      before?.item === item &&
      before.place === place &&
      before.isSelected === isSelected &&
      before.field === field &&
      before.writers === writers
    ) {
      return;
    }
    this.#shown = look;
    if (before?.place.x !== place.x || before.place.y !== place.y) {
      this.root.style.transform = `translate(${place.x}px, ${place.y}px)`;
    }
    if (before?.item.color !== item.color) this.root.dataset.color = item.color;
    if (before?.isSelected !== isSelected) {
      this.root.classList.toggle('selected', isSelected);
    }
    if (before?.item.text !== item.text) this.#text.textContent = item.text;
    if (before?.field !== field) {
      // One in the place of the other: with the badge a note has three nodes at most.
      (before?.field ?? this.#text).replaceWith(field ?? this.#text);
      field?.focus();
    }
    if (before?.writers !== writers) this.#setBadge(writers);
    const state = isSelected ? ', selected' : '';
    const label = `${item.text || 'Empty note'}, ${item.color}${state}`;
    if (this.root.ariaLabel !== label) this.root.ariaLabel = label;
  }

  #setBadge(writers: string): void {
    if (writers === '') {
      this.#badge?.remove();
      this.#badge = undefined;
      return;
    }
    this.#badge ??= Object.assign(document.createElement('div'), { className: 'writers' });
    this.#badge.textContent = writers;
    if (!this.#badge.isConnected) this.root.prepend(this.#badge);
  }
}
