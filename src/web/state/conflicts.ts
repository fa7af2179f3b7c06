// Which conflicts are for a person to decide.

import type { Undecided } from '../../client/writes/offered.ts';

/** @returns whether nobody else has changed what the write is about: the note has only come by another version */
export function isHarmless({ conflict }: Undecided): boolean {
  if (!conflict?.base || !conflict.mine) return false;
  const mine = Object.keys(conflict.mine);
  return !conflict.conflicts.some(({ field }) => mine.includes(field.split('.')[0] ?? field));
}
