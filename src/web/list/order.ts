// The order of a list, and what to write so that an item comes to stand somewhere else in it.

import { generateNKeysBetween } from 'fractional-indexing';
import type { Item } from '../../client/types.ts';

type Ranked = Pick<Item, 'id' | 'rank'>;

/** As the server has it: byte by byte, then by id. */
export function byRank(one: Ranked, other: Ranked): number {
  if (one.rank !== other.rank) return one.rank < other.rank ? -1 : 1;
  return one.id < other.id ? -1 : 1;
}

/** What is not in the log yet has a rank that is none: it stands behind all others. */
const isKey = ({ rank }: Ranked) => /^[A-Za-z][0-9A-Za-z]+$/.test(rank);

/**
 * One new rank is enough, except next to items that have the same one, because two people have put them at the same place
 * at once: between those there is none, and so they get others too.
 *
 * @param sorted all items but the moved ones
 * @param index before which of them it comes
 * @returns the new ranks by id
 */
export function ranksFor(sorted: readonly Ranked[], id: string, index: number): Map<string, string> {
  const known = sorted.filter(isKey);
  const at = Math.min(index, known.length);
  const before = known[at - 1];
  let end = at;
  if (before) while (known[end]?.rank === before.rank) end += 1;
  const anew = [id, ...known.slice(at, end).map((item) => item.id)];
  const ranks = generateNKeysBetween(before?.rank ?? null, known[end]?.rank ?? null, anew.length);
  return new Map(anew.map((each, place) => [each, ranks[place] ?? '']));
}
