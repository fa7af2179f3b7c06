// Notes on their way between a board and a file.

import type { Item } from '../../client/types.ts';
import { type Color, colors } from '../model/palette.ts';

/** Of a file: what it does not say is for the board to decide. */
export interface Note {
  text: string;
  color?: Color;
  x?: number;
  y?: number;
  data?: Record<string, unknown>;
}

/** What a file is found to hold. */
export interface Content {
  /** What it is read as, for people. */
  kind: string;
  /** Of the board that it was. */
  name?: string;
  layout?: 'canvas' | 'list';
  /** In their order. */
  notes: Note[];
}

/** As many as the server takes in one note: of characters, which are not those of JavaScript. */
const MOST_CHARACTERS = 10_000;
/** The same of `data`, in bytes of its JSON. */
const MOST_BYTES = 16 * 1024;

/** Where the label of a note is kept, by which a board has columns. */
export const labelOf = ({ data }: Pick<Note, 'data'>): string => (typeof data?.label === 'string' ? data.label : '');

/** @returns the note as a file has it */
export function noteOf({ text, color, x, y, data }: Item): Note {
  return { text, color, x, y, ...(Object.keys(data).length > 0 && { data: { ...data } }) };
}

/**
 * None of a file is believed: what is no colour, place or data is left out. No text is lost: one that is too long for a
 * note becomes several.
 */
export function clean({ text, color, x, y, data }: Record<keyof Note, unknown>): Note[] {
  // What neither JSON in UTF-8 nor the database can hold.
  const known = String(text ?? '')
    .toWellFormed()
    .replaceAll('\r\n', '\n')
    .replaceAll('\0', '');
  const isPlaced = Number.isFinite(x) && Number.isFinite(y);
  const note = {
    ...(colors.includes(color as Color) && { color: color as Color }),
    ...(isPlaced && { x: x as number, y: y as number }),
    ...(isData(data) && { data }),
  };
  const characters = [...known];
  const parts = [known];
  if (characters.length > MOST_CHARACTERS) {
    parts.length = 0;
    for (let at = 0; at < characters.length; at += MOST_CHARACTERS) {
      parts.push(characters.slice(at, at + MOST_CHARACTERS).join(''));
    }
  }
  return parts.map((part) => ({ text: part, ...note }));
}

function isData(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || Object.keys(value).length === 0)
    return false;
  const json = JSON.stringify(value);
  return json.isWellFormed() && !json.includes('\\u0000') && new TextEncoder().encode(json).length <= MOST_BYTES;
}
