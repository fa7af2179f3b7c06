// The sheet of keys, at `?`. Its code comes then.

import { html, render } from 'lit';

const keys: Array<[keys: string[], what: string]> = [
  [['N'], 'Add a note'],
  [['Enter'], 'Write the note that has the focus'],
  [['Esc'], 'Done writing; choose nothing'],
  [['Tab'], 'To the next note'],
  [['F6'], 'Past all notes: from the people above to the notes to the tools'],
  [['Space'], 'Choose it too, or no longer'],
  [['Ctrl', 'A'], 'Choose all'],
  [['←', '↑', '→', '↓'], 'Move what is chosen, with Shift farther; else the view'],
  [['1', '…', '8'], 'Colour'],
  [['Delete'], 'Delete'],
  [['Ctrl', 'Z'], 'Undo'],
  [['Ctrl', 'Shift', 'Z'], 'Redo'],
  [['Ctrl', 'C'], 'Copy; with X cut, with V paste: each line becomes a note'],
  [['+'], 'Nearer; with − farther, with 0 all notes'],
  [['Alt', '↑'], 'In a list: move up; with ↓ down, with ← or → into another column'],
  [['A'], 'Activity: what was done, and the board as it was'],
  [['H'], 'History of the note: what it was'],
  [['/'], 'Find a note'],
  [['Ctrl', 'K'], 'Find a note, or anything that can be done'],
  [['?'], 'This sheet'],
];

/** @param board what the sheet is put into, until somebody closes it */
export function showKeys(board: Element): void {
  const place = document.createElement('div');
  board.append(place);
  const sheet = html`<dialog aria-labelledby="keys" @close=${() => place.remove()}>
    <h2 id="keys" tabindex="-1" autofocus>Keys</h2>
    <dl class="keys">
      ${keys.map(
        ([names, what]) => html`<div><dt>${names.map((name) => html`<kbd>${name}</kbd>`)}</dt><dd>${what}</dd></div>`,
      )}
    </dl>
    <form method="dialog" class="row end"><button>Close</button></form>
  </dialog>`;
  render(sheet, place);
  place.querySelector('dialog')?.showModal();
}
