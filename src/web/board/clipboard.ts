// Copying and pasting notes: as notes between boards, and as lines of text from and to anywhere else.

import type { Item } from '../../client/types.ts';
import type { Fields } from '../../client/writes/offered.ts';
import type { BoardModel } from '../model/board-model.ts';
import { colors } from '../model/palette.ts';
import { notesOf } from '../model/pasted.ts';
import type { Point } from '../model/place.ts';

type Note = Fields & { text: string };

/** What a note is on the clipboard, beside its text. */
const TYPE = 'text/teamboard-notes';
const APART = 24;
const COLUMN = 224;
const ROW = 150;
const IN_A_ROW = 4;

/** Copies, cuts or pastes, as the event says. @param at where pasted text comes to lie */
export function useClipboard(event: ClipboardEvent, model: BoardModel, at: Point): void {
  const [target] = event.composedPath();
  if (target instanceof HTMLTextAreaElement || target instanceof HTMLInputElement) return;
  if (event.type === 'paste') pasteNotes(event, model, at);
  else {
    const chosen = [...model.items.value.values()].filter(({ id }) => model.selected.value.has(id));
    if (chosen.length === 0) return;
    copyNotes(event, chosen);
    if (event.type === 'cut') model.remove();
  }
  event.preventDefault();
}

/** @param notes in the order of the board */
function copyNotes({ clipboardData }: ClipboardEvent, notes: readonly Item[]): void {
  clipboardData?.setData('text/plain', notes.map(({ text }) => text).join('\n'));
  clipboardData?.setData(TYPE, JSON.stringify(notes.map(({ text, color, x, y }) => ({ text, color, x, y }))));
}

/** @param at where the first one comes to lie */
function pasteNotes({ clipboardData }: ClipboardEvent, model: BoardModel, at: Point): void {
  const notes = readNotes(clipboardData?.getData(TYPE) ?? '');
  if (notes.length > 0) {
    model.paste(notes.map((note) => ({ ...note, x: (note.x ?? 0) + APART, y: (note.y ?? 0) + APART })));
    return;
  }
  const lines = notesOf(clipboardData?.getData('text/plain') ?? '');
  model.paste(
    lines.map((text, index) => ({
      text,
      color: model.color.value,
      x: Math.round(at.x) + (index % IN_A_ROW) * COLUMN,
      y: Math.round(at.y) + Math.floor(index / IN_A_ROW) * ROW,
    })),
  );
}

/** What any page may have put there, so none of it is believed. */
function readNotes(json: string): Note[] {
  try {
    const notes = JSON.parse(json) as unknown;
    return Array.isArray(notes) ? notes.flatMap(readNote) : [];
  } catch {
    return [];
  }
}

function readNote(value: unknown): Note[] {
  const { text, color, x, y } = (value ?? {}) as Record<string, unknown>;
  if (typeof text !== 'string') return [];
  const known = colors.find((each) => each === color) ?? 'yellow';
  return [{ text, color: known, x: numberOf(x), y: numberOf(y) }];
}

const numberOf = (value: unknown) => (typeof value === 'number' && Number.isFinite(value) ? value : 0);
