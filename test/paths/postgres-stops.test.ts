// PostgreSQL is stopped for some seconds, long enough for several attempts to reach it.

import pg from 'pg';
import t from 'tap';
import { bestOf } from '../helpers/bounds.ts';
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

  let [seq, outages] = [2, 0];
  const untilBack = async () => {
    const startedAt = performance.now();
    await postgres.start();
    const other = new pg.Client({ connectionString: postgres.url });
    await other.connect();
    await other.query('insert into teamboard.items (board_id, text) values ($1, $2)', [boardId, 'by another service']);
    await other.end();
    seq += 1;
    for (const each of streams) await each.next('changed', ({ data }) => data.seq === seq);
    const ms = Math.round(performance.now() - startedAt);
    outages += 1;
    const isBack = (name: (typeof dedicated)[number]) => countLogged(node, 'connection is back', name) === outages;
    await until(() => dedicated.every(isBack), 'both connections');
    return ms;
  };
  const isSoon = (ms: number) => ms < CAUGHT_UP_MS;
  const ms = await bestOf(async () => {
    if (outages > 0) {
      await postgres.stop();
      const isLost = (name: (typeof dedicated)[number]) => countLogged(node, 'connection lost', name) > outages;
      await until(() => dedicated.every(isLost), 'the loss to be noticed');
    }
    return untilBack();
  }, isSoon);
  t.ok(isSoon(ms), `${ms} ms from the start to the event of another service`);
  t.match(await ada.get('/readyz'), { status: 200, body: { postgres: 'up', listener: 'up' } });
  t.equal((await ada.post(`/boards/${boardId}/items`, { text: 'y' })).status, 201);
  for (const each of streams) {
    await each.next('changed', ({ data }) => data.seq === seq + 1);
    t.strictSame(
      each.seqs,
      Array.from({ length: outages + 1 }, (_, index) => index + 3),
    );
    t.notOk(each.closed);
  }
  for (const name of dedicated) {
    t.equal(countLogged(node, 'connection lost', name), outages, 'a loss is logged once, not each attempt');
    t.equal(countLogged(node, 'connection is back', name), outages);
  }
});
