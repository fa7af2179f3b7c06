// What is shown: the items as the log has them, with the unconfirmed writes on top, field by field.

import { merge } from '../merge-patch.ts';
import type { Item } from '../types.ts';
import type { Fields } from './offered.ts';
import { isUndecided, type WriteLog } from './write.ts';
import { unseenOf } from './write-log.ts';

/** What an item gets where its maker says nothing. The server puts it at the end: behind every rank. */
export const defaults = { x: 0, y: 0, color: 'yellow', data: {} } as const;
const LAST_RANK = '~';

/** @param user who writes */
export function lay(
  log: WriteLog,
  boardId: string,
  confirmed: ReadonlyMap<string, Item>,
  user: string,
): ReadonlyMap<string, Item> {
  const writes = log.filter((write) => write.boardId === boardId && !isUndecided(write));
  if (writes.length === 0) return confirmed;
  const view = new Map(confirmed);
  for (const write of writes) {
    for (const { op, id, item } of unseenOf(write)) {
      const known = view.get(id);
      if (op === 'delete') view.delete(id);
      else if (op === 'update') known && view.set(id, merge(known, item) as Item);
      else if (!known) view.set(id, newItem(id, boardId, item, user, write.at));
    }
  }
  return view;
}

/** As it is shown until the log has it: of version 0. */
function newItem(id: string, boardId: string, item: Fields | undefined, user: string, at: number): Item {
  const time = new Date(at).toISOString();
  const stamps = { version: 0, createdBy: user, createdAt: time, updatedBy: user, updatedAt: time };
  return { ...defaults, rank: LAST_RANK, text: '', ...item, id, boardId, ...stamps };
}
