// A client that takes one byte at a time, while a burst of events comes.

import net from 'node:net';
import t from 'tap';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { useDatabase } from '../helpers/node.ts';
import { spawnNode } from '../helpers/process.ts';
import { findFaults } from '../helpers/seqs.ts';
import { until } from '../helpers/until.ts';

const EVENTS = 120;
/** Bytes that it takes in one turn of its event loop. */
const BYTES_PER_TURN = 24;
const PROBES = 20;
/** Most of the burst. */
const LEASH_BYTES = 100_000;

t.test('a client that reads byte by byte gets every frame whole, and delays no other (E2, E5)', async (t) => {
  const { url, sql } = await useDatabase(t);
  // In a process of its own: what this client costs must not be taken for what the node does.
  const node = await spawnNode(t, { DATABASE_URL: url });
  const ada = await Client.signUp(node);
  const boardId = await ada.createBoard();
  const reading = await openStream(t, node.url, boardId, ada);
  await reading.next('ready');
  /** What else the machine does meets some of them. */
  const fastest = async () => {
    const times: number[] = [];
    for (let probe = 0; probe < PROBES; probe += 1) {
      const start = performance.now();
      const { body } = await ada.post(`/boards/${boardId}/items`, { text: 'probe' });
      await until(() => reading.frames.some(({ data }) => data.id === body.item.id), 'the event');
      times.push(performance.now() - start);
    }
    return Math.min(...times);
  };
  const alone = await fastest();

  const slow = openByteByByte();
  await until(() => slow.has('event:ready'), 'its stream');
  const first = 3 + PROBES;
  await sql(
    `insert into teamboard.items (board_id, text) select $1, repeat('é\n', 500) from generate_series(1, $2::int)`,
    [boardId, EVENTS],
  );
  await reading.next('changed', ({ data }) => data.seq === first + EVENTS - 1);
  t.notOk(slow.has(`"seq":${first + EVENTS - 1},`), 'it is behind');
  const beside = await fastest();
  t.comment(`an event took ${alone.toFixed(1)} ms, and ${beside.toFixed(1)} ms beside it (at best)`);
  t.ok(beside < 3 * alone + 20);
  t.notOk(slow.has(`"seq":${first + EVENTS - 1},`), 'it is still behind');
  slow.unleash();

  const head = first + EVENTS + PROBES - 1;
  const last = Buffer.from('\n\n\r\n');
  await until(() => slow.has(`"seq":${head},`) && slow.received().subarray(-4).equals(last), 'all of it');
  t.comment(`${slow.received().length} reads of one byte`);
  const body = slow.received().subarray(slow.received().indexOf('\r\n\r\n') + 4);
  const frames = /^event:changed\ndata:.*\nid:.*\n\n/gm;
  t.strictSame(await findFaults([reading], { from: 3, to: head }), []);
  t.strictSame(dechunk(body).match(frames), reading.raw.match(frames)?.slice(PROBES), 'the same bytes as any other');

  function openByteByByte() {
    const room = Buffer.alloc(4 * 1024 * 1024);
    let length = 0;
    const buffer = Buffer.alloc(1);
    /** It goes no further at first: so it is behind for as long as the others take, however slow they are. */
    let leash = LEASH_BYTES;
    const socket = net.connect({
      host: '127.0.0.1',
      port: Number(new URL(node.url).port),
      onread: {
        buffer,
        callback: () => {
          room[length] = buffer[0] ?? 0;
          length += 1;
          if (length % BYTES_PER_TURN > 0) return true;
          if (length < leash) setImmediate(() => socket.resume());
          return false;
        },
      },
    });
    t.teardown(() => socket.destroy());
    socket.write(`GET /boards/${boardId}/events HTTP/1.1\r\nHost: x\r\nCookie: ${ada.cookie}\r\n\r\n`);
    const received = () => room.subarray(0, length);
    const unleash = () => {
      leash = Infinity;
      socket.resume();
    };
    return { received, unleash, has: (text: string) => received().includes(text) };
  }
});

/** Of HTTP/1.1 (RFC 9112, 7.1). The sizes count bytes. */
function dechunk(body: Buffer): string {
  const chunks: Buffer[] = [];
  let rest = body;
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n') + 2;
    const size = Number.parseInt(rest.toString('latin1', 0, end), 16);
    if (!(size > 0)) throw new Error(`no chunk: ${rest.toString('latin1', 0, 40)}`);
    chunks.push(rest.subarray(end, end + size));
    rest = rest.subarray(end + size + 2);
  }
  return Buffer.concat(chunks).toString();
}
