// The field in which a note is written, on the canvas as in the list.

import type { Editing } from '../model/editing.ts';

/** As many as the server takes. */
const MOST_CHARACTERS = 10_000;

/** @param onEnd called when whoever writes is done by a key: the field is closed then */
export function createTextField(editing: Editing, onEnd: () => void): HTMLTextAreaElement {
  const field = document.createElement('textarea');
  field.className = 'field';
  field.ariaLabel = 'Note text';
  field.maxLength = MOST_CHARACTERS;
  field.value = editing.text;
  field.rows = 3;
  field.addEventListener('input', () => editing.input(field.value));
  field.addEventListener('blur', () => {
    // Whoever goes to another window goes on writing when he comes back.
    if (document.hasFocus()) editing.end();
  });
  field.addEventListener('keydown', (event) => {
    // What is written is no command of the board.
    event.stopPropagation();
    if (event.isComposing) return;
    if (event.key === 'Escape' || (event.key === 'Enter' && (event.ctrlKey || event.metaKey))) {
      event.preventDefault();
      editing.end();
      onEnd();
    }
  });
  return field;
}
