// JSON: all of a board, as it is written here; a snapshot of `GET /boards/:id`; a list of texts or notes; Trello's.

import { type Content, clean, type Note } from './notes.ts';
import { isTrello, readTrello } from './trello.ts';

export interface Exported {
  name: string;
  layout: 'canvas' | 'list';
  /** In the order of the list. */
  notes: readonly Note[];
}

export const writeJson = (board: Exported): string => `${JSON.stringify({ teamboard: 1, ...board }, null, 2)}\n`;

type Fields = Record<string, unknown>;
const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @returns undefined for what is no JSON, or none with notes in it */
export function readJson(text: string): Content | undefined {
  const value = parse(text);
  if (Array.isArray(value)) return { kind: 'JSON', notes: value.flatMap(readNote) };
  if (!isObject(value)) return undefined;
  if (isTrello(value)) return readTrello(value);
  const list = value.notes ?? value.items;
  if (!Array.isArray(list)) return undefined;
  const { name, layout } = isObject(value.board) ? value.board : value;
  return {
    kind: value.teamboard === 1 ? 'a board of Teamboard' : 'JSON',
    ...(typeof name === 'string' && { name }),
    ...((layout === 'canvas' || layout === 'list') && { layout }),
    notes: list.flatMap(readNote),
  };
}

function readNote(value: unknown): Note[] {
  if (typeof value === 'string') return clean({ text: value, color: '', x: 0, y: undefined, data: undefined });
  if (!isObject(value) || typeof value.text !== 'string') return [];
  const { text, color, x, y, data } = value;
  return clean({ text, color, x, y, data });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    return undefined;
  }
}
