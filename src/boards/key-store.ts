// The SQL that finds the boards of keys.

import type { Pool } from 'pg';
import { BatchedLookup } from '../background/batched-lookup.ts';

/**
 * @param pool for requests
 * @param logPool for streams, of which many come at once: they share a question
 */
export function createFindByKey(pool: Pool, logPool: Pool) {
  const lookup = new BatchedLookup((keys) => findBoardsByKey(logPool, keys));
  return (keys: string[], isForStream: boolean) => (isForStream ? lookup.ask(keys) : findBoardsByKey(pool, keys));
}

/** @returns the ids of those keys that are a board's */
async function findBoardsByKey(pool: Pool, keys: string[]): Promise<ReadonlyMap<string, string>> {
  const { rows } = await pool.query<{ key: string; id: string }>({
    name: 'boards-by-key',
    text: 'select key, id from :schema.boards where key = any($1::text[])',
    values: [keys],
  });
  return new Map(rows.map(({ key, id }) => [key, id]));
}
