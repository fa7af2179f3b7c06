// Rows go when their time is over, and disturb nobody by it.

import t from 'tap';
import { Expiry } from '../../src/background/expiry.ts';
import { removeExpiredFrom } from '../../src/postgres/remove-expired.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { until } from '../helpers/until.ts';

const database = await useDatabase(t);
const removeExpiredKeys = removeExpiredFrom(database.pool, 'idempotency_keys');

t.test('expired keys go, a batch at a time and without waiting for anyone', async (t) => {
  await database.sql(`insert into teamboard.idempotency_keys (user_id, key, request_hash, expires_at)
    select teamboard.uuid_v7(), n::text, sha256(n::text::bytea), now() + (n - 1200) * interval '1 minute'
    from generate_series(1, 1300) n`);
  const left = async () => (await database.sql<{ key: string }>('select key from teamboard.idempotency_keys')).length;
  t.equal(await removeExpiredKeys(100), 100);
  t.equal(
    (await database.sql(`select from teamboard.idempotency_keys where key = '100'`)).length,
    0,
    'the oldest first',
  );

  const locker = await database.pool.connect();
  await locker.query('begin');
  await locker.query(`select from teamboard.idempotency_keys where key = '101' for update`);
  const warnings: Array<[object, string]> = [];
  let fails = true;
  let othersSwept = 0;
  const expiry = new Expiry({
    removeExpired: {
      keys: (limit) => (fails ? Promise.reject(new Error('away')) : removeExpiredKeys(limit)),
      others: async () => {
        othersSwept += 1;
        return 0;
      },
    },
    intervalMs: 10,
    log: { info: () => {}, warn: (...line) => void warnings.push(line) },
    isOutage: () => true,
  });
  expiry.start();
  expiry.start();
  await until(() => warnings.length > 0, 'a round that fails');
  t.match(warnings, [[{ reason: 'away' }, 'expired keys stay until the next round']]);
  await until(() => othersSwept > 0, 'the rows after those that failed');
  fails = false;
  await until(async () => (await left()) <= 101, 'all that are expired and free');
  t.equal((await database.sql(`select from teamboard.idempotency_keys where key = '101'`)).length, 1);
  await locker.query('rollback');
  locker.release();
  await until(
    async () => (await database.sql(`select from teamboard.idempotency_keys where key = '101'`)).length === 0,
    'the last',
  );
  await expiry.stop();
  t.equal(await left(), 100, 'those that count stay');
  await database.sql('update teamboard.idempotency_keys set expires_at = now()');
  const stopped = await left();
  // As many turns of another one as the stopped one would have had.
  let turns = 0;
  const other = new Expiry({
    removeExpired: {
      keys: async () => {
        turns += 1;
        return 0;
      },
    },
    intervalMs: 10,
    log: { info: () => {}, warn: () => {} },
    isOutage: () => true,
  });
  other.start();
  await until(() => turns >= 5, 'five turns');
  await other.stop();
  t.equal(await left(), stopped, 'one that was stopped does nothing');

  await startNode(t, database.url);
  await until(async () => (await left()) === 0, 'the expiry of a node');
});
