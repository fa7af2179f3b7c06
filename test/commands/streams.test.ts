// Who is connected, as somebody beside the nodes sees it.

import t from 'tap';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { runCli } from '../helpers/process.ts';
import { noPrivateRedis, startPrivateRedis } from '../helpers/redis.ts';
import { until } from '../helpers/until.ts';

t.test('the open streams of all nodes, by board and user', { skip: noPrivateRedis }, async (t) => {
  const database = await useDatabase(t);
  const redis = await startPrivateRedis();
  t.teardown(() => redis.stop());
  const nodes = [
    await startNode(t, database.url, { redisUrl: redis.url }),
    await startNode(t, database.url, { redisUrl: redis.url }),
  ] as const;
  const ada = await Client.signUp(nodes[0]);
  const boardId = await ada.createBoard();
  for (const node of nodes) await (await openStream(t, node.url, boardId, ada)).next('ready');
  const environment = { REDIS_URL: redis.url, DATABASE_URL: database.url };
  const list = async (...args: string[]) => {
    const { output } = await runCli(t, ['streams', '--json', ...args], environment);
    return output
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  };
  const found = await until(
    async () => {
      const streams = await list('--board', boardId, '--user', ada.user.id);
      return streams.length === 2 && streams;
    },
    'both to be registered',
    60_000,
  );
  t.equal(new Set(found.map(({ node }) => node)).size, 2, 'one on each node');
  t.strictSame(
    new Set(found.map(({ boardId: board, userId }) => `${board} ${userId}`)),
    new Set([`${boardId} ${ada.user.id}`]),
  );
  t.strictSame(await list('--user', '00000000-0000-7000-8000-000000000000'), []);
  const table = (await runCli(t, ['streams'], environment)).output.split('\n');
  t.match(table[0], /^NODE +USER +BOARD +STREAM$/);
  t.equal(table.length, 4);
  t.match(await runCli(t, ['streams'], { DATABASE_URL: database.url }), {
    code: 2,
    output: /^teamboard: REDIS_URL is not set: /,
  });
  await redis.shutdown({ save: false });
  t.match(await runCli(t, ['streams'], environment), {
    code: 4,
    output: /^teamboard: REDIS_URL: Redis did not answer .* \[TB_REDIS_AWAY\]\n$/,
  });
});
