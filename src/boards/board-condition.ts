// What a write of a board depends on.

import type { Reader } from '../access/claims.ts';
import { isOf } from '../events/cursor.ts';
import type { BoardTags } from './if-match.ts';
import type { Place } from './snapshot.ts';
import type { SnapshotStore } from './snapshot-store.ts';

/** One of these has to be so when it is written. */
export interface BoardCondition {
  versions: number[];
  /** The log ends there still. */
  seen: Place | undefined;
  /** What the client has seen of the log of this board, which may have gone on since. */
  seqs: number[];
}

/** @param tags undefined when the board only has to be there */
export async function readCondition(
  { snapshots }: { snapshots: SnapshotStore },
  reader: Reader,
  boardId: string,
  tags: BoardTags | undefined,
): Promise<BoardCondition | undefined> {
  if (!tags) return undefined;
  const { versions, cursors } = tags;
  const place = cursors.length > 0 ? await snapshots.readPlace(reader, boardId) : undefined;
  if (!place) return { versions, seen: undefined, seqs: [] };
  const seqs = cursors.filter((cursor) => isOf(cursor, { epoch: place.epoch, boardId })).map(({ seq }) => seq);
  return { versions, seqs, seen: seqs.includes(place.seq) ? place : undefined };
}
