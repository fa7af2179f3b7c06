// What streams are told of who is there: all of it, or the difference to what they were told before.

import type { PublicUser } from '../accounts/user.ts';
import { type Chunk, encodeChunk } from '../streams/wire/frame.ts';
import { presenceFrame } from './presence-change.ts';

/**
 * So many are named, each in about 80 bytes: on a board of 10,000 people a list of all would be a megabyte for each of
 * them, and everyone would be told of everyone's coming and going.
 */
export const MOST_NAMED = 1000;
/** From so many changes on a list may be shorter. */
const MANY_CHANGES = 20;

/** @returns who is named, in the order of their ids, on which all nodes agree */
export function nameable(userIds: Iterable<string>): string[] {
  return [...userIds].sort().slice(0, MOST_NAMED);
}

/** @returns `{users, total?}`, as `sync` and `GET /boards/:id/presence` have it */
export function withTotal<Entry>(users: Entry[], total: number): { users: Entry[]; total?: number } {
  return { users, ...(total > users.length && { total }) };
}

export function syncChunk(boardId: string, users: ReadonlyMap<string, PublicUser>, total: number): Chunk {
  return encodeChunk(presenceFrame({ boardId, action: 'sync', ...withTotal([...users.values()], total) }));
}

/** @returns the difference as one piece, or a `sync` where that is shorter; undefined when there is none */
export function changesChunk(
  boardId: string,
  before: ReadonlyMap<string, PublicUser>,
  now: ReadonlyMap<string, PublicUser>,
  total: number,
): Chunk | undefined {
  const joined = [...now.values()].filter(({ id }) => !before.has(id));
  const left = [...before.values()].filter(({ id }) => !now.has(id));
  const changes = joined.length + left.length;
  if (changes === 0) return undefined;
  if (changes > MANY_CHANGES && changes > now.size / 2) return syncChunk(boardId, now, total);
  const frames = [
    ...left.map((user) => presenceFrame({ boardId, action: 'leave', user })),
    ...joined.map((user) => presenceFrame({ boardId, action: 'join', user })),
  ];
  return encodeChunk(frames.join(''));
}
