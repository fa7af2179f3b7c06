// PostgreSQL is stopped for some seconds, long enough for several attempts to reach it.

import pg from 'pg';
import t from 'tap';
import { openStream } from '../helpers/event-stream.ts';
import { countLogged } from '../helpers/listener-loss.ts';
import { startNode } from '../helpers/node.ts';
import { openBoard } from '../helpers/open-board.ts';
import { startPrivatePostgres } from '../helpers/private-postgres.ts';
import { until } from '../helpers/until.ts';

/** `STOPPED_SECONDS=180` makes minutes of it. */
const stoppedSeconds = Number(process.env.STOPPED_SECONDS ?? 3);
/** Of the sweep, which needs no listener; and the longest wait of a reader that found no database. */
const CAUGHT_UP_MS = 5000 + 2000;

t.setTimeout((stoppedSeconds + 240) * 1000);

t.test('while PostgreSQL is stopped streams stay, and then catch up (E1, E8)', async (t) => {
  const postgres = await startPrivatePostgres(t);
  const node = await startNode(t, postgres.url, { heartbeatSeconds: 1 });
  const { ada, boardId, stream, oneOfMany, streams, besideId } = await openBoard(t, node);
  const dedicated = ['listener', 'notifier'] as const;
  t.match(await ada.get('/readyz'), { status: 200, body: { postgres: 'up', listener: 'up' } });

  await postgres.stop();
  const beats = streams.map(({ heartbeats }) => heartbeats.length);
  const stoppedMs = stoppedSeconds * 1000;
  for (const [index, { heartbeats, frames }] of streams.entries()) {
    const before = beats[index] ?? 0;
    await until(() => heartbeats.length >= before + stoppedSeconds, 'a heartbeat each second', stoppedMs + 30_000);
    t.strictSame(
      frames.map(({ event }) => event),
      ['ready'],
      'and nothing else',
    );
  }
  t.match(await ada.get('/readyz'), { status: 200, body: { ready: true, postgres: 'down', listener: 'down' } });
  for (const [lastEventId, beside] of [
    [undefined, undefined],
    [stream.lastEventId, undefined],
    [undefined, [besideId]],
    [oneOfMany.lastEventId, [besideId]],
  ] as const) {
    const headers: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    const refused = await openStream(t, node.url, boardId, { ...ada, headers, beside });
    await refused.end();
    t.equal(refused.status, 200, 'a 503 would end an EventSource for good');
    t.match(refused.raw, /^retry:\d+\nevent:close\ndata:\{"reason":"busy","retry":true\}\n\n$/);
    t.ok(refused.retries.every((ms) => ms >= 3000 && ms <= 30_000));
  }
  t.match(await ada.post(`/boards/${boardId}/items`, { text: 'x' }), { status: 503, body: { code: 'TB_UNAVAILABLE' } });

  const startedAt = performance.now();
  await postgres.start();
  const other = new pg.Client({ connectionString: postgres.url });
  await other.connect();
  await other.query('insert into teamboard.items (board_id, text) values ($1, $2)', [boardId, 'by another service']);
  await other.end();
  for (const each of streams) await each.next('changed', ({ data }) => data.seq === 3);
  const ms = Math.round(performance.now() - startedAt);
  t.ok(ms < CAUGHT_UP_MS, `${ms} ms from the start to the event of another service`);
  await until(() => dedicated.every((name) => countLogged(node, 'connection is back', name) > 0), 'both connections');
  t.match(await ada.get('/readyz'), { status: 200, body: { postgres: 'up', listener: 'up' } });
  t.equal((await ada.post(`/boards/${boardId}/items`, { text: 'y' })).status, 201);
  for (const each of streams) {
    await each.next('changed', ({ data }) => data.seq === 4);
    t.strictSame(each.seqs, [3, 4]);
    t.notOk(each.closed);
  }
  for (const name of dedicated) {
    t.equal(countLogged(node, 'connection lost', name), 1, 'the loss is logged once, not each attempt');
    t.equal(countLogged(node, 'connection is back', name), 1);
  }
});
