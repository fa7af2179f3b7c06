// The checks of an installation in this process, and how they are told: none ends the others, and none goes on for ever.

import t from 'tap';
import { findDatabase } from '../../src/commands/with-database.ts';
import { examine } from '../../src/doctor/examine.ts';
import { Fault, type Finding, Report } from '../../src/doctor/report.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { noPrivateRedis, startRedisOnPort } from '../helpers/redis.ts';

function collect(stopping = new AbortController().signal) {
  const found: Finding[] = [];
  const report = new Report({
    tell: async (finding) => void found.push(finding),
    explain: (error) => (error as Error).message,
    stopping,
  });
  return { report, found };
}

t.test('what is well, what may not last, what fails, what hangs and what is not looked at', async (t) => {
  const { report, found } = collect();
  t.equal(await report.run('one', async () => 'well'), true);
  t.equal(await report.run('two', async () => ({ warning: 'for now' })), true);
  const fails = async () => {
    throw new Fault('mend\n  it');
  };
  t.equal(await report.run('three', fails), false);
  t.equal(await report.run('four', () => new Promise(() => {}), 20), false);
  await report.skip(['five', 'six'], 'no need');
  t.strictSame(
    found.map(({ check, state, text }) => [check, state, text]),
    [
      ['one', 'ok', 'well'],
      ['two', 'warn', 'for now'],
      ['three', 'fail', 'mend it'],
      ['four', 'fail', 'no answer within 0.02 s: something on the way takes what is sent and says nothing.'],
      ['five', 'skipped', 'no need'],
      ['six', 'skipped', 'no need'],
    ],
  );
  t.equal(report.failures, 2);
});

t.test('who ends it ends the check under way, and nothing more is looked at', async (t) => {
  const controller = new AbortController();
  const { report, found } = collect(controller.signal);
  const hangs = report.run('one', () => new Promise(() => {}));
  controller.abort(new Error('ended'));
  await t.rejects(hangs, { message: 'ended' });
  await t.rejects(
    report.run('two', async () => 'well'),
    { message: 'ended' },
  );
  t.strictSame(found, []);
});

t.test('a healthy installation has no fault, and a guest is left nowhere', { skip: noPrivateRedis }, async (t) => {
  const database = await useDatabase(t);
  const redis = await startRedisOnPort(t);
  const node = await startNode(t, database.url, { redisUrl: redis.url, heartbeatSeconds: 1 });
  const environment = { DATABASE_URL: database.url, REDIS_URL: redis.url };
  const { report, found } = collect();
  const steps: string[] = [];
  const way = { url: node.url, token: undefined, onStep: (step: string) => void steps.push(step) };
  await examine(report, { environment, findDatabase, way });
  t.strictSame(
    found.filter(({ state }) => state === 'fail'),
    [],
  );
  t.ok(found.length > 20, `${found.length} checks`);
  t.ok(steps.length > 0, 'it says what it does, which takes a while');
  t.strictSame(await database.sql('select id from teamboard.users'), []);
});

t.test('of settings that cannot be read each is told, and what does not hang on them is looked at', async (t) => {
  const { report, found } = collect();
  const environment = { DATABASE_URL: 'mysql://x', REDIS_URL: 'http://x', PORT: 'http' };
  await examine(report, { environment, findDatabase, way: undefined });
  const failed = found.filter(({ state }) => state === 'fail').map(({ text }) => text.split(/[: ]/)[0]);
  for (const name of ['DATABASE_URL', 'REDIS_URL', 'PORT']) t.ok(failed.includes(name), `${name} of ${failed}`);
  t.match(
    found.find(({ check }) => check === 'descriptors'),
    { state: /ok|warn/ },
  );
});
