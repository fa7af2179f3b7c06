// Two nodes on one database: what they see of each other, and what the log says of it.

import t from 'tap';
import { OtherNodes } from '../../src/events/other-nodes.ts';
import { clientOfSchema } from '../../src/postgres/schema-client.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { until } from '../helpers/until.ts';

t.test('nodes on one database see which of them share no Redis, and the log says so when it lasts', async (t) => {
  const { url } = await useDatabase(t);
  const told: string[] = [];
  const log = {
    info: (_details: object, message: string) => void told.push(`info: ${message}`),
    warn: (_details: object, message: string) => void told.push(`warn: ${message}`),
  };
  const join = async (schema: string, hasRedis: boolean, patienceMs = 0) => {
    const Client = clientOfSchema(schema);
    const client = new Client({ connectionString: url });
    await client.connect();
    const nodes = new OtherNodes({ schema, hasRedis, patienceMs, log });
    await nodes.introduce(client);
    let ended = false;
    const leave = async () => {
      if (!ended) await client.end();
      ended = true;
    };
    t.teardown(leave);
    const count = async () => {
      await nodes.look(client);
      return nodes.count;
    };
    return { count, leave };
  };
  const shared = await join('teamboard', true);
  const other = await join('teamboard', true);
  await join('another', false);
  t.strictSame([await shared.count(), await other.count()], [0, 0], 'a Redis for both, and a schema of its own');
  t.strictSame(told, []);

  const alone = await join('teamboard', false);
  t.strictSame([await alone.count(), await shared.count(), await shared.count()], [2, 1, 1]);
  t.equal(told.length, 2, 'each says it once');
  t.ok(told.every((line) => /^warn: other nodes are on this database without a Redis .* REDIS_URL$/.test(line)));
  const patient = await join('teamboard', true, 60_000);
  t.equal(await patient.count(), 1);
  t.equal(told.length, 2, 'a rolling restart is over soon');

  await alone.leave();
  await until(async () => (await shared.count()) === 0, 'the other to be gone');
  await patient.count();
  t.match(told.slice(2), [/^info: no other node /]);
});

t.test('/readyz counts them, and stays ready', async (t) => {
  const { url } = await useDatabase(t);
  const first = await startNode(t, url);
  const readiness = async (node: { url: string }) => {
    const response = await fetch(`${node.url}/readyz`);
    return { status: response.status, ...((await response.json()) as { nodesApart: number }) };
  };
  t.match(await readiness(first), { status: 200, ready: true, nodesApart: 0 });
  const second = await startNode(t, url);
  t.match(await readiness(second), { status: 200, ready: true, nodesApart: 1 }, 'the second sees the first at once');
  await until(async () => (await readiness(first)).nodesApart === 1, 'the first to see the second');
});
