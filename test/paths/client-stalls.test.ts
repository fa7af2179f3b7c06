// A client that stops reading, for so long that the server gives it up, and one that takes a little in time.

import t from 'tap';
import { Client } from '../helpers/client.ts';
import { oneOfTwo, openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { findFaults, range } from '../helpers/seqs.ts';
import { serverSideOf } from '../helpers/server-side.ts';
import { timings } from '../helpers/timings.ts';
import { until } from '../helpers/until.ts';

/** How long nothing may move. */
const STALL_MS = timings.output.stallMs;
const BUDGET_BYTES = 256 * 1024;
/** What one write may be over the budget: a frame, and a heartbeat. */
const FRAME_BYTES = 20_000;
/** More than the kernel holds for two ends of a connection. */
const ROWS = 2000;

t.setTimeout(240_000);

t.test(
  'a client that takes nothing for its time is closed as slow and resumes; others, and one that takes a little, go on (E2, E5)',
  async (t) => {
    const { url, sql } = await useDatabase(t);
    const node = await startNode(t, url, { heartbeatSeconds: 1, timings });
    const ada = await Client.signUp(node);
    const boardId = await ada.createBoard();
    const beside = [await ada.createBoard()];
    let opened = 0;
    const open = async (headers = {}, kind = opened++) => {
      const stream = await openStream(t, node.url, boardId, { ...ada, headers, beside: oneOfTwo(kind, beside) });
      const { streamId } = (await stream.next('ready')).data;
      const serverSide = serverSideOf(node, (follower) => follower.streamId === streamId);
      if (!serverSide) throw new Error('no such stream');
      return { stream, serverSide, endedAs: () => node.logged.find((line) => isEnd(line, streamId))?.reason };
    };
    const [reading, sipping, stalled, gone] = [await open(), await open(), await open(), await open()];
    const head = 2 + ROWS;

    const silent = [sipping, stalled, gone];
    for (const { stream } of silent) stream.socket.pause();
    let most = 0;
    /** When the kernel took something for the last time, at the earliest: it is looked at now and then. */
    const movedAt = new Map(silent.map((client) => [client, { taken: 0, since: 0 }]));
    let lookedAt = performance.now();
    const stillFor = (client: typeof stalled) => performance.now() - (movedAt.get(client)?.since ?? 0);
    /** How long nothing had moved when a client was found to be closed. */
    const closedAfter = new Map<typeof stalled, number>();
    let sips = 0;
    /** The one that takes a little does so where nothing has moved for a third of the time. */
    const sip = async () => {
      const { stream, follower } = sipping.serverSide;
      if (stillFor(sipping) < STALL_MS / 3 || !stream.socket?.writableLength) return;
      const before = follower.position;
      sipping.stream.socket.resume();
      await until(() => follower.position > before, 'something to move');
      sipping.stream.socket.pause();
      sips += 1;
    };
    const look = async () => {
      for (const client of silent) {
        if (client.endedAs()) {
          closedAfter.set(client, closedAfter.get(client) ?? stillFor(client));
          continue;
        }
        const { bytesWritten = 0, writableLength = 0 } = client.serverSide.stream.socket ?? {};
        const taken = bytesWritten - writableLength;
        if (taken !== movedAt.get(client)?.taken) movedAt.set(client, { taken, since: lookedAt });
        most = Math.max(most, writableLength);
      }
      lookedAt = performance.now();
      await sip();
    };
    // Reads on at once, and finds what the kernel had for it, and why it ends; the other loses that.
    node.app.openStreams.subscribe({
      ended: (stream) => stream === stalled.serverSide.stream && stalled.stream.socket.resume(),
    });
    const insert = `insert into teamboard.items (board_id, text) select $1, repeat('x', 10000) from generate_series(1, 100)`;
    for (let rows = 0; rows < ROWS; rows += 100) {
      await sql(insert, [boardId]);
      // In time with the writes: it waits for nobody.
      await reading.stream.next('changed', ({ data }) => data.seq === 2 + rows + 100);
      await look();
    }
    t.comment(`at most ${Math.round(most / 1024)} KiB waited for one of them`);
    t.ok(most > BUDGET_BYTES / 4, 'something waits');
    t.ok(most <= BUDGET_BYTES + FRAME_BYTES, 'and not more than the budget');
    for (const { serverSide } of [stalled, gone]) t.ok(serverSide.follower.position < head, 'the rest is in the log');

    await until(
      async () => {
        await look();
        return closedAfter.has(stalled) && closedAfter.has(gone);
      },
      'the end of those that take nothing',
      2 * STALL_MS + 30_000,
    );
    t.ok(sips > 0, `${sips} times it has taken a little`);
    const stillMs = [...closedAfter.values()];
    t.comment(`closed after ${stillMs.map((ms) => (ms / 1000).toFixed(1))} s`);
    t.ok(Math.min(...stillMs) >= STALL_MS, 'not before its time');
    t.equal(stalled.endedAs(), 'slow');
    t.equal(gone.endedAs(), 'slow');
    t.equal(sipping.endedAs(), undefined, 'the one that has taken a little stays');

    await stalled.stream.end();
    t.match(stalled.stream.frames.at(-1), { event: 'close', data: { reason: 'slow', retry: true } });
    t.match(stalled.stream.raw, /retry:\d+\nevent:close\ndata:\{"reason":"slow","retry":true\}\n\n$/);
    const retry = stalled.stream.retries.at(-1) ?? 0;
    t.ok(retry >= 3000 && retry <= 10_000, `retry: ${retry}`);
    gone.stream.socket.resume();
    await until(() => gone.stream.closed, 'the other to be cut');
    sipping.stream.socket.resume();
    t.strictSame(await findFaults([reading.stream, sipping.stream], { from: 3, to: head }), [], 'all that stayed');
    for (const [kind, { stream }] of [stalled, gone].entries()) {
      const { stream: resumed } = await open({ 'last-event-id': stream.lastEventId ?? '' }, kind);
      await resumed.next('changed', ({ data }) => data.seq === head);
      t.strictSame([...stream.seqs, ...resumed.seqs], range(3, head), 'goes on where it was');
      t.notOk(resumed.frames.some(({ event }) => event === 'reset'));
    }
    await until(() => node.app.openStreams.size === 4, 'the places of the closed ones');
  },
);

function isEnd({ msg, streamId }: Record<string, unknown>, id: unknown): boolean {
  return msg === 'stream closed' && streamId === id;
}
