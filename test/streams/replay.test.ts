// Many streams that read the log at once: what they share, how boards take turns, and what may wait for slow clients.

import fc from 'fast-check';
import { pino } from 'pino';
import t from 'tap';
import type { LogEntry } from '../../src/events/board-event.ts';
import { WaitingBytes } from '../../src/output/waiting-bytes.ts';
import { LogReader } from '../../src/streams/fan-out/log-reader.ts';
import { PageQueue } from '../../src/streams/fan-out/page-queue.ts';
import { FrameBatch } from '../../src/streams/wire/frame-batch.ts';
import { timings } from '../../src/timings.ts';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { range } from '../helpers/seqs.ts';
import { until } from '../helpers/until.ts';

const KIB = 1024;

t.test('boards take turns with their pages, and all who wait for one share it (E5)', async (t) => {
  const queue = new PageQueue();
  for (const after of [0, 100, 200, 300]) queue.request('a', after);
  queue.request('b', 0);
  queue.request('c', 500);
  t.equal(queue.request('a', 100).page, queue.request('a', 100).page);
  t.equal(queue.size, 6);
  const places = (most: number) => queue.take(most).map(({ boardId, after }) => `${boardId}${after}`);
  t.strictSame(places(2), ['a0', 'b0']);
  queue.request('b', 100);
  t.strictSame(places(3), ['c500', 'a100', 'b100'], 'nobody has a second page before the others had one');
  t.strictSame(places(9), ['a200', 'a300']);
  t.equal(queue.size, 0);
});

t.test('a page that could not be read is asked for again, also for who came meanwhile', async (t) => {
  const queue = new PageQueue();
  const first = queue.request('a', 0);
  const taken = queue.take(1);
  const later = queue.request('a', 0);
  t.not(later, first, 'who comes during a read is not served by it: it may be older than what they know');
  queue.putBack(taken);
  t.equal(queue.size, 1);
  const [again] = queue.take(1);
  again?.resolve(undefined);
  t.strictSame(await Promise.all([first.page, later.page]), [undefined, undefined]);
  queue.putBack([first]);
  t.equal(queue.take(1)[0], first);
});

t.test('one slow stream gets 256 KiB, many get less, and together never more than the node has (E5)', async (t) => {
  t.equal(new WaitingBytes(64 * KIB * KIB, timings.output.stallMs).allowance, 256 * KIB);
  t.equal(new WaitingBytes(1024 * KIB * KIB, timings.output.stallMs).allowance, 256 * KIB, 'never more');
  t.equal(new WaitingBytes(KIB * KIB, timings.output.stallMs).allowance, 16 * KIB, 'never less');
  const chunks = fc.array(fc.record({ stream: fc.nat(2000), bytes: fc.integer({ min: 1, max: 100 * KIB }) }), {
    maxLength: 3000,
  });
  fc.assert(
    fc.property(chunks, (writes) => {
      const budget = 16 * KIB * KIB;
      const waiting = new WaitingBytes(budget, timings.output.stallMs);
      const streams = new Map<number, { waitingBytes: number }>();
      for (const { stream, bytes } of writes) {
        const connection = streams.get(stream) ?? { waitingBytes: 0 };
        streams.set(stream, connection);
        if (connection.waitingBytes + bytes > waiting.allowance) continue;
        connection.waitingBytes += bytes;
        waiting.add(connection, bytes);
      }
      const total = [...streams.values()].reduce((sum, { waitingBytes }) => sum + waitingBytes, 0);
      return total <= budget + streams.size * 16 * KIB;
    }),
    { numRuns: 30 },
  );
});

t.test('where events are large, a read of the log brings few of them; small ones let it grow again (E5)', async (t) => {
  const boards = Array.from({ length: 64 }, (_, board) => `${board}`);
  let eventBytes = 76_000;
  const reads: number[] = [];
  const reader = new LogReader({
    log: {
      readAfter: async (requests) => {
        reads.push(requests.reduce((sum, { limit }) => sum + limit, 0));
        const json = 'x'.repeat(eventBytes);
        const entries = requests.map(({ after, limit }) =>
          range(after + 1, after + limit).map((seq) => entry(seq, json)),
        );
        return { epoch: '', entries };
      },
      extents: async () => ({ epoch: '', extents: new Map() }),
    },
    logger: pino({ level: 'silent' }),
    headOf: () => undefined,
    learnEpoch: () => {},
    encode: (boardId, entries) => FrameBatch.encode({ epoch: 'abcdef01', boardId }, entries),
    feed: async () => {},
  });
  const readAll = async (after: number) => {
    reads.length = 0;
    await Promise.all(boards.map((boardId) => reader.readPage(boardId, after)));
  };
  await readAll(0);
  const [first = 0, ...later] = reads;
  t.ok(first <= 400, `${first} events before it is known how large they are`);
  t.equal(Math.max(...later) * eventBytes <= 8 * KIB * KIB, true, `${later} events`);
  eventBytes = 500;
  await readAll(100);
  t.equal(Math.max(...reads), 1600, 'sixteen pages at a time');
  reader.stop();
});

t.test('streams that come back with many cursors read the same few pages (E2)', async (t) => {
  const { url, sql } = await useDatabase(t);
  const node = await startNode(t, url, { ringBytesPerBoard: 0, streamsPerUser: 100 });
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  const { cursor } = (await ada.get(`/boards/${boardId}`)).body;
  await sql('insert into teamboard.items (board_id, text) select $1, n::text from generate_series(1, 1000) n', [
    boardId,
  ]);
  let places = 0;
  const { eventLog } = node.app;
  const { readAfter } = eventLog;
  let opened = 0;
  // All at once, however slowly they come: the first read has no answer before the last one is open.
  eventLog.readAfter = async (requests) => {
    places += requests.length;
    await until(() => opened === cursors.length, 'all streams');
    return readAfter(requests);
  };
  const cursors = Array.from({ length: 60 }, (_, index) => 2 + 16 * index);
  const streams = await Promise.all(
    cursors.map(async (seq) => {
      const headers = { 'last-event-id': cursor.replace(/\d+$/, String(seq)) };
      const stream = await openStream(t, node.url, boardId, { ...ada, headers });
      await stream.next('ready');
      opened += 1;
      return stream;
    }),
  );
  await Promise.all(streams.map((stream) => stream.next('changed', ({ data }) => data.seq === 1002)));
  for (const [index, stream] of streams.entries()) {
    const from = (cursors[index] ?? 0) + 1;
    t.strictSame(
      stream.seqs,
      Array.from({ length: 1003 - from }, (_, place) => from + place),
    );
  }
  t.ok(places <= 33, `${places} pages were read for 60 streams, of 11 that there are`);
});

t.test('clients that stop reading share what the node may have waiting, and delay nobody (E5)', async (t) => {
  const { url, sql } = await useDatabase(t);
  const waitingBytesPerNode = KIB * KIB;
  const node = await startNode(t, url, { waitingBytesPerNode });
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  const stalled = await Promise.all(Array.from({ length: 12 }, () => openStream(t, node.url, boardId, ada)));
  const reading = await openStream(t, node.url, boardId, ada);
  await Promise.all([...stalled, reading].map((stream) => stream.next('ready')));
  for (const { socket } of stalled) socket.pause();
  const waiting = () => [...node.app.openStreams].reduce((sum, { socket }) => sum + (socket?.writableLength ?? 0), 0);
  let most = 0;
  for (let head = 102; head <= 1202; head += 100) {
    await sql(
      `insert into teamboard.items (board_id, text) select $1, repeat('x', 9000) from generate_series(1, 100)`,
      [boardId],
    );
    await reading.next('changed', ({ data }) => data.seq === head);
    most = Math.max(most, waiting());
  }
  t.ok(most > 0, 'the kernel took not all of it');
  t.ok(most <= waitingBytesPerNode, `${most} bytes at most were waiting`);
  for (const { socket } of stalled) socket.resume();
  await Promise.all(stalled.map((stream) => stream.next('changed', ({ data }) => data.seq === 1202)));
  for (const { seqs } of stalled) t.equal(seqs.length, 1200, 'and it is all there in the end');
});

function entry(seq: number, json: string): LogEntry {
  const nobody = { actorId: undefined, mutationId: undefined, streamId: undefined };
  return { seq, resource: 'item', action: 'updated', id: '', json, ...nobody };
}
