// Streams that begin with a large board, and clients that take it slowly or not at all (E5).

import { createParser } from 'eventsource-parser';
import t from 'tap';
import { timings } from '../../src/timings.ts';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { askWithoutReading, createLargeBoard, readSlowly } from '../helpers/large-board.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { until } from '../helpers/until.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
/** More than the kernel holds for two ends of a connection. */
const LARGE = 12 * MIB;
const STALL_MS = 1500;
/** What a stream may have waiting, and a frame. */
const MOST_WAITING = 256 * KIB + 64 * KIB;

t.test('streams that begin with a large board (E5)', async (t) => {
  const database = await useDatabase(t);
  const node = await startNode(t, database.url, {
    timings: { ...timings, output: { stallMs: STALL_MS } },
    heartbeatSeconds: 1,
  });
  const ada = await Client.signUp(node);
  const boardId = await createLargeBoard(ada, database, LARGE);
  const events = `/boards/${boardId}/events?snapshot=true`;
  const open = () => askWithoutReading(t, node, events, ada, 'text/event-stream');
  const nothingIsKept = () => until(() => node.app.waitingBytes.allowance === 256 * KIB, 'nothing to be kept');
  const endedAs = () => node.logged.filter(({ msg }) => msg === 'stream closed').map(({ reason }) => reason);
  t.afterEach(async () => {
    await until(() => node.app.openStreams.size === 0, 'the end of all streams');
    await nothingIsKept();
  });

  t.test('who takes nothing is ended, who takes little by little gets all of it and what came meanwhile', async (t) => {
    const { body } = await ada.get(`/boards/${boardId}`);
    const [slow, unread] = [await open(), await open()];
    let most = 0;
    const look = setInterval(() => {
      for (const { socket } of node.app.openStreams) most = Math.max(most, socket?.writableLength ?? 0);
    }, 5);
    t.teardown(() => clearInterval(look));
    const frames: Array<{ event: string | undefined; data: string; id: string | undefined }> = [];
    const parser = createParser({ onEvent: ({ event, data, id }) => void frames.push({ event, data, id }) });
    const read = readSlowly(slow, 2 * STALL_MS, LARGE, (chunk) => parser.feed(String(chunk)));
    read.catch(() => {});
    await ada.post(`/boards/${boardId}/items`, { text: 'meanwhile' });
    await until(() => endedAs().includes('slow'), 'the end of the unread one');
    await until(() => frames.some(({ event }) => event === 'changed'), 'the event after the snapshot');
    const [ready, snapshot, ...rest] = frames;
    t.match(ready, { event: 'ready', id: undefined });
    t.equal(snapshot?.event, 'snapshot');
    t.equal(snapshot?.id, body.cursor);
    t.strictSame(JSON.parse(snapshot?.data ?? ''), body, 'byte for byte');
    t.match(rest.find(({ event }) => event === 'changed')?.data, /"text":"meanwhile"/);
    t.ok(most <= MOST_WAITING, `${most} bytes at most waited for one of them`);
    t.strictSame(endedAs(), ['slow'], 'and the other goes on');
    slow.destroy();
    await t.rejects(readSlowly(unread, 0, LARGE), 'what the unread one got ends inside the frame');
  });

  t.test('a stream that ends inside the snapshot is cut there: nothing is written into the frame', async (t) => {
    const stream = await openStream(t, node.url, boardId, { ...ada, query: '?snapshot=true' });
    stream.socket.pause();
    const [serverSide] = node.app.openStreams;
    await until(() => (serverSide?.socket?.writableLength ?? 0) > 0, 'the kernel to be full');
    serverSide?.close('rotated');
    stream.socket.resume();
    await until(() => stream.closed, 'the end');
    t.notOk(stream.ended, 'it is cut');
    t.notMatch(stream.raw, /event:(close|heartbeat)/);
    t.strictSame(
      stream.frames.map(({ event }) => event),
      ['ready'],
    );
  });
});
