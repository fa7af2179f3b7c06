// Why items were not written. Asked only after a write has failed, so that the ordinary one is one round trip.

import type { Reader } from '../access/claims.ts';
import { Problem, unavailable } from '../problems/problem.ts';
import type { Operation } from './batch.ts';
import type { BatchStore } from './batch-store.ts';
import type { ItemPatch } from './board.ts';
import { explainRefusal } from './board-access.ts';
import type { BoardStore } from './board-store.ts';
import { conflictOf } from './conflict.ts';
import type { ReadHistory } from './conflict-store.ts';
import type { ItemAddress } from './item-store.ts';

export interface RefusalSources {
  boards: BoardStore;
  batches: BatchStore;
  readItemHistory: ReadHistory;
}

/**
 * @param patch undefined for a deletion
 * @returns 404 or 403 as {@link explainRefusal}; TB_CONFLICT when the item is there, in another version
 */
export async function explainItemRefusal(
  { boards, readItemHistory }: RefusalSources,
  reader: Reader,
  { boardId, itemId, versions }: ItemAddress,
  patch: ItemPatch | undefined,
): Promise<Problem> {
  const refusal = await explainRefusal(boards, 'edit', reader, boardId);
  if (refusal.code !== 'TB_NOT_FOUND' || !versions) return refusal;
  const since = versions.length > 0 ? Math.max(...versions) : undefined;
  const history = await readItemHistory(reader, boardId, itemId, since);
  return history ? conflictOf(history, patch) : refusal;
}

/** @returns 404 or 403 as {@link explainRefusal}; TB_ITEM_GONE or TB_CONFLICT with the operations that are at fault */
export async function explainBatchRefusal(
  { boards, batches, readItemHistory }: RefusalSources,
  reader: Reader,
  boardId: string,
  operations: Operation[],
): Promise<Problem> {
  const refusal = await explainRefusal(boards, 'edit', reader, boardId);
  const named = operations.flatMap(({ id, ...operation }, index) =>
    id === undefined || operation.op === 'create' ? [] : [{ ...operation, id, at: `/operations/${index}` }],
  );
  const ids = named.map(({ id }) => id);
  const versions = await batches.readVersions(reader, boardId, ids);
  if (refusal.code !== 'TB_NOT_FOUND' || !versions) return refusal;

  const gone = named.filter(({ id }) => !versions.has(id));
  if (gone.length > 0) {
    const errors = gone.map(({ at }) => ({ path: `${at}/id`, message: 'is no item of this board' }));
    return new Problem('TB_ITEM_GONE', 'Nothing was written. Send the batch without what is gone.', { errors });
  }
  const stale = named.filter(({ id, ifMatch }) => ifMatch !== undefined && ifMatch !== versions.get(id));
  const [first] = stale;
  const history = first && (await readItemHistory(reader, boardId, first.id, first.ifMatch));
  // What stood against it has gone meanwhile.
  if (!history) return unavailable('The board has changed in this moment. Try again.');
  const errors = stale.map(({ at, id }) => ({ path: `${at}/ifMatch`, message: `is not ${versions.get(id)}` }));
  return conflictOf(history, first.op === 'delete' ? undefined : first.item, errors);
}
