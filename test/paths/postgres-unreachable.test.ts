// One node loses its way to PostgreSQL, while others write on.

import t from 'tap';
import { expectWithin } from '../helpers/bounds.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startFaultyProxy } from '../helpers/faulty-proxy.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';
import { until } from '../helpers/until.ts';

t.test(
  'without its database a node keeps its streams, refuses writes at once, and catches up by itself (E1, E8)',
  async (t) => {
    const database = await useDatabase(t);
    const proxy = await startFaultyProxy(t, database.url);
    const node = await startNode(t, proxy.url, { heartbeatSeconds: 1 });
    const elsewhere = await startNode(t, database.url);
    const { ada, boardId, streams, besideId } = await openBoard(t, node);
    const items = `/boards/${boardId}/items`;

    proxy.cut();
    await database.sql('insert into teamboard.items (board_id, text) values ($1, $2)', [boardId, 'by another service']);
    t.equal((await ada.at(elsewhere).post(items, { text: 'by another node' })).status, 201);
    await expectWithin(t, { refusedMs: 3000 }, async () => {
      const askedAt = performance.now();
      const refused = await ada.post(items, { text: 'x' });
      const refusedMs = performance.now() - askedAt;
      t.match(refused, { status: 503, body: { code: 'TB_UNAVAILABLE', status: 503 } });
      t.ok(Number(refused.headers.get('retry-after')) > 0);
      return { refusedMs };
    });
    for (const beside of [undefined, [besideId]]) {
      const late = await openStream(t, node.url, boardId, { ...ada, beside });
      await late.end();
      t.equal(late.status, 200, 'a 503 would end an EventSource for good');
      t.match(late.raw, /^retry:\d+\nevent:close\ndata:\{"reason":"busy","retry":true\}\n\n$/);
    }
    t.match(await ada.get('/readyz'), { status: 200, body: { ready: true, postgres: 'down', listener: 'down' } });
    for (const { heartbeats, seqs } of streams) {
      const beats = heartbeats.length;
      await until(() => heartbeats.length >= beats + 2, 'two more heartbeats');
      t.strictSame(seqs, []);
    }

    proxy.restore();
    for (const stream of streams) await stream.next('changed', ({ data }) => data.seq === 4);
    await until(async () => (await ada.post(items, { text: 'y' })).status === 201, 'writes');
    for (const stream of streams) {
      await stream.next('changed', ({ data }) => data.seq === 5);
      t.strictSame(stream.seqs, [3, 4, 5]);
      t.notOk(stream.closed);
    }
  },
);
