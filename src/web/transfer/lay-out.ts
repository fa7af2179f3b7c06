// Where notes that come from elsewhere are put: where they lay, or in rows, below what is there.

import { NOTE, type Point } from '../model/place.ts';
import type { Note } from './notes.ts';
import { LINE_HEIGHT, MOST_HEIGHT } from './wrap.ts';

const GAP = 24;
const PADDING = 24;
const LETTERS_IN_A_LINE = 22;
/** Wider than high, as screens are. */
const RATIO = 1.6;

/** @param there what is on the board. @returns the same, each with its place */
export function layOut(notes: readonly Note[], there: readonly Point[]): Array<Note & Point> {
  const placed = inTheirPlaces(notes) ?? inRows(notes);
  if (there.length === 0) return placed;
  const left = lowest(there.map(({ x }) => x)) - lowest(placed.map(({ x }) => x));
  const down = highest(there.map(({ y }) => y)) + MOST_HEIGHT + GAP - lowest(placed.map(({ y }) => y));
  return placed.map((note) => ({ ...note, x: note.x + left, y: note.y + down }));
}

/** @returns undefined when one of them has no place; what lies all on one line is stacked */
function inTheirPlaces(notes: readonly Note[]): Array<Note & Point> | undefined {
  const placed = notes.flatMap((note) =>
    note.x === undefined || note.y === undefined ? [] : { ...note, x: note.x, y: note.y },
  );
  if (placed.length < notes.length) return undefined;
  if (placed.length < 2 || placed.some(({ y }) => y !== placed[0]?.y)) return placed;
  const bottoms = new Map<number, number>();
  return placed.map((note) => {
    const y = bottoms.get(note.x) ?? note.y;
    bottoms.set(note.x, y + heightOf(note) + GAP);
    return { ...note, y };
  });
}

function inRows(notes: readonly Note[]): Array<Note & Point> {
  const columns = Math.max(1, Math.ceil(Math.sqrt((notes.length * RATIO * NOTE.height) / NOTE.width)));
  let y = 0;
  return notes.map((note, index) => {
    const column = index % columns;
    if (column === 0 && index > 0) y += Math.max(...notes.slice(index - columns, index).map(heightOf)) + GAP;
    return { ...note, x: column * (NOTE.width + GAP), y };
  });
}

/** @returns about how high it will be */
function heightOf({ text }: Note): number {
  const lines = text
    .split('\n')
    .reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / LETTERS_IN_A_LINE)), 0);
  return Math.min(MOST_HEIGHT, Math.max(NOTE.height, lines * LINE_HEIGHT + PADDING));
}

// Not as arguments, of which there may not be any number.
const lowest = (numbers: readonly number[]) =>
  numbers.reduce((least, each) => Math.min(least, each), Number.POSITIVE_INFINITY);
const highest = (numbers: readonly number[]) =>
  numbers.reduce((most, each) => Math.max(most, each), Number.NEGATIVE_INFINITY);
