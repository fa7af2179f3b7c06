// The SQL by which a command finds the board that is meant.

import type { ClientBase } from 'pg';
import { canonicalUuid } from '../http/uuid.ts';
import { notFound, wrongUsage } from './failure.ts';

/**
 * @param named an id, or `~` and a key, as in the addresses of the API
 * @throws CommandFailure when there is no such board
 */
export async function findBoard(client: ClientBase, named: string): Promise<string> {
  const id = canonicalUuid(named);
  if (id === undefined && !named.startsWith('~')) {
    throw wrongUsage(`a board is named by its id, or by ~ and its key, and ${named} is neither.`);
  }
  const { rows } = await client.query<{ id: string }>(
    `select id from :schema.boards where ${id === undefined ? 'key = $1' : 'id = $1::uuid'}`,
    [id ?? named.slice(1)],
  );
  const [found] = rows;
  if (!found) throw notFound(`there is no board ${named}.`);
  return found.id;
}
