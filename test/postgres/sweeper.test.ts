// Rows go when their time is over, and disturb nobody by it.

import t from 'tap';
import { removeExpiredKeys } from '../../src/boards/idempotency-store.ts';
import { Sweeper } from '../../src/postgres/sweeper.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);

t.test('expired keys go, a batch at a time and without waiting for anyone', async (t) => {
  await database.sql(`insert into idempotency_keys (user_id, key, request_hash, expires_at)
    select uuid_v7(), n::text, sha256(n::text::bytea), now() + (n - 1200) * interval '1 minute'
    from generate_series(1, 1300) n`);
  const left = async () => (await database.sql<{ key: string }>('select key from idempotency_keys')).length;
  t.equal(await removeExpiredKeys(database.pool, 100), 100);
  t.equal((await database.sql(`select from idempotency_keys where key = '100'`)).length, 0, 'the oldest first');

  const locker = await database.pool.connect();
  await locker.query('begin');
  await locker.query(`select from idempotency_keys where key = '101' for update`);
  const warnings: Array<[object, string]> = [];
  let fails = true;
  let othersSwept = 0;
  const sweeper = new Sweeper({
    removeExpired: {
      keys: (limit) => (fails ? Promise.reject(new Error('away')) : removeExpiredKeys(database.pool, limit)),
      others: async () => {
        othersSwept += 1;
        return 0;
      },
    },
    intervalMs: 10,
    log: { info: () => {}, warn: (...line) => void warnings.push(line) },
  });
  sweeper.start();
  sweeper.start();
  await until(() => warnings.length > 0, 'a sweep that fails');
  t.match(warnings, [[{ reason: 'away' }, 'expired keys stay until the next sweep']]);
  await until(() => othersSwept > 0, 'the rows after those that failed');
  fails = false;
  await until(async () => (await left()) <= 101, 'all that are expired and free');
  t.equal((await database.sql(`select from idempotency_keys where key = '101'`)).length, 1);
  await locker.query('rollback');
  locker.release();
  await until(
    async () => (await database.sql(`select from idempotency_keys where key = '101'`)).length === 0,
    'the last',
  );
  await sweeper.stop();
  t.equal(await left(), 100, 'those that count stay');
  await database.sql('update idempotency_keys set expires_at = now()');
  const stopped = await left();
  // As many turns of another one as the stopped one would have had.
  let turns = 0;
  const other = new Sweeper({
    removeExpired: {
      keys: async () => {
        turns += 1;
        return 0;
      },
    },
    intervalMs: 10,
    log: { info: () => {}, warn: () => {} },
  });
  other.start();
  await until(() => turns >= 5, 'five turns');
  await other.stop();
  t.equal(await left(), stopped, 'a sweeper that was stopped does nothing');

  await startNode(t, database.url);
  await until(async () => (await left()) === 0, 'the sweeper of a node');
});
