// What an event says was done, in words.

import type { Board, BoardEvent, Item, Member, User } from '../../client/types.ts';

/** What may be done with a note. Of several that were done with one, the first of these is told. */
export const deeds = ['deleted', 'added', 'edited', 'recoloured', 'moved', 'reordered', 'changed the data of'] as const;
export type Deed = (typeof deeds)[number];

const ofField: Record<string, Deed> = {
  text: 'edited',
  color: 'recoloured',
  x: 'moved',
  y: 'moved',
  rank: 'reordered',
  data: 'changed the data of',
};

const MOST_LETTERS = 48;

/** @returns none for what is no note */
export function deedsOf({ resource, action, changes = [] }: BoardEvent): Deed[] {
  if (resource !== 'item') return [];
  if (action === 'created') return ['added'];
  if (action === 'deleted') return ['deleted'];
  return [...new Set(changes.flatMap((field) => ofField[field] ?? []))];
}

/** @returns the first words of a note, to know it by */
export function labelOf({ text }: Pick<Item, 'text'>): string {
  const [line = ''] = text.trim().split('\n');
  const letters = [...line];
  return letters.length > MOST_LETTERS ? `${letters.slice(0, MOST_LETTERS).join('')}…` : line;
}

export const nameOf = (actor: User | null): string => actor?.name ?? 'Another program';

/** @returns what was done with the board itself, its people, or a table of the application: behind the name of who did it */
export function sentenceOf({ resource, action, object, changes = [], actor, id }: BoardEvent): string {
  if (resource === 'board') {
    const { name, layout } = object as Board;
    if (action === 'created') return 'made the board';
    if (action === 'deleted') return 'deleted the board';
    return changes.includes('name') ? `named the board “${name}”` : `made it a ${layout}`;
  }
  if (resource === 'member') {
    const { user, role } = object as Member;
    const isSelf = actor?.id === user.id;
    if (action === 'created') return isSelf ? `joined as ${role}` : `let ${user.name} in as ${role}`;
    if (action === 'deleted') return isSelf ? 'left the board' : `removed ${user.name}`;
    if (changes.includes('role')) return `made ${user.name} ${role}`;
    return isSelf ? 'changed their name' : `changed what is known of ${user.name}`;
  }
  return `${action} ${id} of ${resource}`;
}

/** @returns “a, b and c” */
export function listed(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} and ${last}`;
}
