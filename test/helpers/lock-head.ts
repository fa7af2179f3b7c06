// A transaction that holds the head of a board's log, as a writer does that hangs before its commit.

import type { TestDatabase } from './node.ts';
import type { Teardown } from './teardown.ts';

/** @returns what lets go of it; the end of the test does so too */
export async function lockHead(t: Teardown, database: TestDatabase, boardId: string): Promise<() => Promise<void>> {
  const locker = await database.pool.connect();
  await locker.query('begin');
  await locker.query('select from teamboard.board_log where board_id = $1 for update', [boardId]);
  let isHeld = true;
  const release = async () => {
    if (!isHeld) return;
    isHeld = false;
    await locker.query('rollback');
    locker.release();
  };
  t.teardown(release);
  return release;
}
