// A proxy between client and node that cuts connections anywhere, also inside a frame, and slices what it carries.

import t from 'tap';
import { Client } from '../helpers/client.ts';
import { oneOfTwo, openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { startReader } from '../helpers/reader.ts';
import { findFaults, range } from '../helpers/seqs.ts';
import { type Carriage, startSlicingProxy } from '../helpers/slicing-proxy.ts';
import { until } from '../helpers/until.ts';

const { url, sql } = await useDatabase(t);
const node = await startNode(t, url);
const ada = await Client.signUp(node);

/** Characters of two, three and four bytes, and what would be fields of a frame if it were not escaped. */
const TEXT = 'é–😀\ndata: x\n\nid: 9';

async function addItems(boardId: string, count: number): Promise<void> {
  await sql(`insert into teamboard.items (board_id, text) select $1, $2 from generate_series(1, $3::int)`, [
    boardId,
    TEXT,
    count,
  ]);
}

/** Where in the stream the last byte lies that came. */
function placeOf(raw: string): string {
  const rest = raw.split('\n\n').at(-1) ?? '';
  if (rest === '') return 'between frames';
  const line = rest.slice(rest.lastIndexOf('\n') + 1);
  return line.split(':')[0] === line ? 'in the name of a field' : `in ${line.split(':')[0]}`;
}

/** Where the body of a response begins. */
const AFTER = '\r\n\r\n';
const EVENTS = 600;
/** Of bytes inside data, of which there are many, one of so many is tried; of all others, each. */
const STEP = 60;

t.test('a stream that is cut at any byte is resumed without a gap and without a repeat (E1, E2)', async (t) => {
  const boardId = await ada.createBoard();
  await addItems(boardId, EVENTS);
  const head = 2 + EVENTS;
  const { body } = await ada.get(`/boards/${boardId}`);
  let cursor = body.cursor.replace(/\d+$/, '2') as string;
  let carriage: Carriage = {};
  const address = await startSlicingProxy(t, node.url, () => carriage);
  const open = () => openStream(t, address, boardId, { ...ada, headers: { 'last-event-id': cursor } });

  const whole = await open();
  await whole.next('changed', ({ data }) => data.seq === 4);
  const [presence = ''] = await until(() => /event:presence\n.*\n\n/.exec(whole.raw), 'who is there');
  whole.close();
  // What is before the first event, and two events.
  const sample = Buffer.from(whole.raw.replace(presence, '').split(/(?<=id:\S+-4\n\n)/)[0] ?? '');
  const inSample = Array.from(sample.keys()).filter((bytes) => {
    const isData = placeOf(sample.toString('utf8', 0, bytes)) === 'in data';
    return !isData || bytes % STEP === 0;
  });
  // The frame of presence comes before them, after them, or in between.
  const positions = [...inSample, ...inSample.map((bytes) => bytes + presence.length)];

  const seqs: number[] = [];
  const places = new Map<string, number>();
  let cuts = 0;
  for (const bytes of positions) {
    carriage = { cut: { after: AFTER, bytes }, reset: cuts % 4 === 0 };
    const stream = await open();
    await until(() => stream.closed, 'the cut');
    cuts += 1;
    places.set(placeOf(stream.raw), (places.get(placeOf(stream.raw)) ?? 0) + 1);
    seqs.push(...stream.seqs);
    cursor = stream.frames.findLast(({ id }) => id)?.id ?? cursor;
  }
  t.comment(`${cuts} cuts: ${[...places].map(([place, count]) => `${count} ${place}`).join(', ')}`);
  for (const place of ['between frames', 'in id', 'in event', 'in data']) t.ok(places.has(place), place);
  t.ok(seqs.length > 0 && seqs.length < EVENTS, 'some events came through, and some are left');
  carriage = {};
  const last = await open();
  await last.next('changed', ({ data }) => data.seq === head);
  t.strictSame([...seqs, ...last.seqs], range(3, head), 'each event once, in order');
});

t.test('an EventSource behind a proxy that cuts and slices misses nothing (E1, E2)', async (t) => {
  const boardId = await ada.createBoard();
  const after = (await ada.get(`/boards/${boardId}`)).body.cursor as string;
  await addItems(boardId, 6);
  // Before, in and after the first events that a connection brings; then no cut, and for one of them byte by byte.
  const cuts = [100, 300, 700, 1000, 1300];
  const carriages: Carriage[] = cuts.map((bytes) => ({ cut: { after: AFTER, bytes }, pieces: 100 }));
  carriages.push({ pieces: 1 });
  const address = await startSlicingProxy(t, node.url, () => carriages.shift() ?? { pieces: 31 });
  const beside = [await ada.createBoard()];
  const readers = cuts.map((_, index) =>
    startReader(t, { address: () => address, boardId, client: ada, after, beside: oneOfTwo(index, beside) }),
  );
  await until(() => carriages.length === 0 && readers.every(({ isOpen }) => isOpen), 'all cuts to be over');
  await addItems(boardId, 3);
  t.strictSame(await findFaults(readers, { from: 3, to: 11 }), [], 'each event once, in order');
  const connections = readers.flatMap((reader) => reader.connections);
  t.equal(connections.length, cuts.length + readers.length, 'each cut was one');
  for (const { frames } of readers) {
    const texts = frames.filter(({ event }) => event === 'changed').map(({ data }) => data.object.text);
    t.strictSame(new Set(texts), new Set([TEXT]), 'every character whole');
  }
});
