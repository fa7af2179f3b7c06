// Clients that do not take their answers, or take them slowly (E5).

import net from 'node:net';
import t, { type Test } from 'tap';
import { timings } from '../../src/timings.ts';
import { bestOf } from '../helpers/bounds.ts';
import { Client } from '../helpers/client.ts';
import { askWithoutReading, createLargeBoard, readSlowly } from '../helpers/large-board.ts';
import { startNode, type TestNode, useDatabase } from '../helpers/node.ts';
import { range } from '../helpers/seqs.ts';
import { until } from '../helpers/until.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
/** More than the kernel holds for two ends of a connection. */
const LARGE = 12 * MIB;
const STALL_MS = 1500;

t.test('clients that do not take their answers (E5)', async (t) => {
  const database = await useDatabase(t);
  const node = await startNode(t, database.url, { timings: { ...timings, output: { stallMs: STALL_MS } } });
  const ada = await Client.signUp(node);
  const boardId = await createLargeBoard(ada, database, LARGE);
  const path = `/boards/${boardId}`;
  const readWhole = async () =>
    Buffer.from(await (await fetch(node.url + path, { headers: { cookie: ada.cookie } })).arrayBuffer());
  const nothingIsKept = () => until(() => node.app.waitingBytes.allowance === 256 * KIB, 'nothing to be kept');

  t.test('an answer of which nothing is taken is cut off; one that is taken slowly comes whole', async (t) => {
    const whole = await readWhole();
    t.match(JSON.parse(whole.toString()), { board: { id: boardId }, items: { length: Math.ceil(LARGE / 10_000) } });
    const [unread, slow] = [await askWithoutReading(t, node, path, ada), await askWithoutReading(t, node, path, ada)];
    t.equal(Number(slow.headers['content-length']), whole.length);
    const askedAt = performance.now();
    const read = readSlowly(slow, 2 * STALL_MS, whole.length);
    await until(() => cuts(node).length === 1, 'the end of the unread one');
    t.ok(performance.now() - askedAt >= STALL_MS, 'not before its time');
    t.ok((await read).equals(whole), 'byte for byte');
    t.ok(performance.now() - askedAt >= 2 * STALL_MS, 'over a longer time');
    t.equal(cuts(node).length, 1, 'the other alone was cut');
    await t.rejects(readSlowly(unread, 0, LARGE), 'its answer is not whole');
    await nothingIsKept();
  });

  t.test('answers that wait behind an unread one of their connection end with it', async (t) => {
    const before = cuts(node).length;
    const head = `GET ${path} HTTP/1.1\r\nHost: x\r\nCookie: ${ada.cookie}\r\n\r\n`;
    const socket = net.connect(node.port, '127.0.0.1');
    t.teardown(() => socket.destroy());
    socket.on('error', () => {});
    socket.write(head.repeat(10));
    await until(() => cuts(node).length > before, 'the end of it');
    await nothingIsKept();
    const other = net.connect(node.port, '127.0.0.1');
    other.on('error', () => {});
    other.write(head.repeat(10));
    await until(() => node.app.waitingBytes.allowance < 256 * KIB, 'the board to be read');
    other.destroy();
    await nothingIsKept();
    t.equal(cuts(node).length, before + 1, 'who leaves is not cut');
  });

  t.test('a page of the log ends with the event that fills it, and the next goes on there', async (t) => {
    const seqs: number[] = [];
    let next: string | undefined;
    let largest = 0;
    do {
      const query = next === undefined ? '' : `&after=${next}`;
      const { body } = await ada.get(`${path}/events?limit=500${query}`, { accept: 'application/json' });
      largest = Math.max(largest, JSON.stringify(body.events).length);
      seqs.push(...body.events.map(({ seq }: { seq: number }) => seq));
      next = body.hasMore ? body.cursor : undefined;
    } while (next !== undefined);
    t.strictSame(seqs, range(1, 2 + Math.ceil(LARGE / 10_000)));
    t.ok(largest > MIB && largest < MIB + 16 * KIB, `${largest} bytes`);
  });

  t.test('two hundred who ask for a large board at the same place cause one read; a change, another', async (t) => {
    await readWhole();
    const reads = countReads(t, node);
    // On a slow machine some are told to come back (503).
    const ask = async () =>
      (await fetch(node.url + path, { headers: { cookie: ada.cookie }, method: 'HEAD' })).headers.get('etag');
    const askAll = () => Promise.all(Array.from({ length: 200 }, () => until(ask, 'the board')));
    const told = new Set<string>();
    const changeAndAsk = async () => {
      const before = reads();
      await database.sql(
        'update teamboard.items set x = x + 1 where id = (select id from teamboard.items where board_id = $1 limit 1)',
        [boardId],
      );
      const etags = new Set(await askAll());
      t.equal(etags.size, 1);
      for (const etag of etags) t.notOk(told.has(etag), 'nobody is told what was before the change');
      for (const etag of etags) told.add(etag);
      return reads() - before;
    };
    // What was read is kept for two seconds after the last who asks.
    const isOne = (count: number) => count === 1;
    t.equal(await bestOf(changeAndAsk, isOne), 1);
    t.equal(await bestOf(changeAndAsk, isOne), 1);
  });
});

function cuts(node: TestNode): unknown[] {
  return node.logged.filter(({ msg }) => String(msg).startsWith('answer cut'));
}

/** Counts the statements that read a whole board for all who ask. */
function countReads(t: Test, { app: { pool } }: TestNode): () => number {
  const { query } = pool;
  let reads = 0;
  pool.query = ((...given: unknown[]) => {
    const [{ name, values }] = given as [{ name?: string; values?: unknown[] }];
    if (name === 'snapshot-read' && values?.[2] === 'infinity') reads += 1;
    return Reflect.apply(query, pool, given);
  }) as typeof query;
  t.teardown(() => {
    pool.query = query;
  });
  return () => reads;
}
