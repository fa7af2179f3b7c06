// A transaction that holds tables, so that whatever reads them waits for as long as a test wants.

import type { TestDatabase } from './node.ts';

/**
 * @param names of tables
 * @param work what is done meanwhile: within the 2 s for which a statement waits
 */
export async function whileLocked(database: TestDatabase, names: string[], work: () => Promise<void>): Promise<void> {
  const locker = await database.pool.connect();
  await locker.query('begin');
  try {
    const tables = names.map((name) => `teamboard.${name}`);
    await locker.query(`lock table ${tables.join()} in access exclusive mode`);
    await work();
  } finally {
    await locker.query('rollback');
    locker.release();
  }
}
