// The colours of notes, and those of people.

import type { Item } from '../../client/types.ts';

export type Color = Item['color'];

/** In the order of their keys, 1 to 8. */
export const colors: readonly Color[] = ['yellow', 'orange', 'red', 'pink', 'purple', 'blue', 'green', 'gray'];

/** As people read it. */
export const nameOf = (color: Color): string => color.slice(0, 1).toUpperCase() + color.slice(1);

/** Dark enough for white letters in them, and to be seen on light and on dark. */
const people = ['#3450c4', '#b3261e', '#1f7a45', '#8a3ab9', '#a34a00', '#00727a', '#b0246c', '#5a5f00'];

/** @returns the colour of somebody, the same on every screen */
export function colorOfUser(id: string): string {
  let sum = 0;
  for (let index = 0; index < id.length; index += 1) sum = (sum * 31 + id.charCodeAt(index)) >>> 0;
  return people[sum % people.length] ?? '';
}

/** @returns one or two letters to tell somebody by */
export function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return letters
    .map((word) => [...(word ?? '')][0] ?? '')
    .join('')
    .toUpperCase();
}
