// The clients that people use, cut at any byte: each comes back and shows every change once, and nothing else.

import t, { type Test } from 'tap';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { range } from '../helpers/seqs.ts';
import { type Carriage, startSlicingProxy } from '../helpers/slicing-proxy.ts';
import { type Shown, sseClients } from '../helpers/sse-clients.ts';
import { until } from '../helpers/until.ts';

const { url } = await useDatabase(t);
const node = await startNode(t, url, { streamsPerUser: 10_000 });
const ada = await Client.signUp(node, 'Ada');

/** Of bytes inside data, of which there are many, one of so many is tried; of all others, each. */
const STEP = 100;

async function addItem(boardId: string, headers = {}): Promise<void> {
  await ada.post(`/boards/${boardId}/items`, { text: 'é😀\n' }, headers);
}

async function ticketFor(boardId: string): Promise<string> {
  return (await ada.post(`/boards/${boardId}/tickets`, {})).body.ticket;
}

/** One client with one cut, behind a proxy of its own. */
async function startCut(t: Test, name: string, boardId: string, query: string, cut: NonNullable<Carriage['cut']>) {
  let connections = 0;
  const address = await startSlicingProxy(t, node.url, () => {
    connections += 1;
    return connections === 1 ? { cut, reset: cut.bytes % 2 === 0 } : {};
  });
  const shown: Shown[] = [];
  const close = sseClients[name]?.open(`${address}/boards/${boardId}/events?${query}`, (event) => shown.push(event));
  t.teardown(() => close?.());
  return {
    shown,
    seqs: () => shown.filter(({ event }) => event === 'changed').map(({ data }) => JSON.parse(data).seq as number),
    isBack: () => connections >= 2,
    close: () => close?.(),
  };
}

/** What no page may be shown: messages of no kind, or of nothing. */
const oddities = (shown: Shown[]) => shown.filter(({ event, data }) => event === 'message' || data === '');

t.test('cut at any byte of an event, every client shows each change once, and no empty message (E1, E2)', async (t) => {
  const boardId = await ada.createBoard();
  const before = (await ada.get(`/boards/${boardId}`)).body.cursor as string;
  for (let count = 0; count < 4; count += 1) await addItem(boardId);
  const sample = await openStream(t, node.url, boardId, { ...ada, query: `?lastEventId=${before}` });
  await sample.next('changed', ({ data }) => data.seq === 6);
  const [first = '', second = ''] = sample.raw.match(/event:changed\n.*\n.*\n\n/g) ?? [];
  sample.close();
  const after = first.slice(first.indexOf('\nid:'));
  const [start, end] = [second.indexOf('\ndata:') + 6, second.indexOf('\nid:')].map((place) =>
    Buffer.byteLength(second.slice(0, place)),
  ) as [number, number];
  const length = Buffer.byteLength(second);
  const positions = range(0, length).filter((bytes) => bytes <= start || bytes >= end || bytes % STEP === 0);
  const query = `ticket=${await ticketFor(boardId)}&lastEventId=${before}`;
  await Promise.all(
    Object.entries(sseClients).map(async ([name, { takesIdEarly }]) => {
      const tried = positions.filter((bytes) => !(takesIdEarly && bytes === length - 1));
      const readers = await Promise.all(tried.map((bytes) => startCut(t, name, boardId, query, { after, bytes })));
      const isThrough = ({ isBack, seqs }: (typeof readers)[number]) => isBack() && seqs().includes(6);
      await until(() => readers.every(isThrough), `${name} to have come back`);
      const wrong = readers.flatMap(({ seqs, shown }, index) =>
        seqs().join() === '3,4,5,6' && oddities(shown).length === 0 ? [] : [{ cutAt: tried[index], shown }],
      );
      t.strictSame(wrong, [], `${name}, cut at ${tried.length} places`);
      for (const { close } of readers) close();
    }),
  );
});

t.test('what a page has done itself is told as `own`, and not again after a reconnect (E2)', async (t) => {
  await Promise.all(
    Object.keys(sseClients).map(async (name, index) => {
      const mutationId = `mine-${index}`;
      const boardId = await ada.createBoard();
      const ticket = await ticketFor(boardId);
      const cursor = (await ada.get(`/boards/${boardId}`)).body.cursor as string;
      // The last byte of the frame is the last that comes through.
      const data = JSON.stringify({ boardId, seq: 3, mutationId });
      const frame = `event:own\ndata:${data}\nid:${cursor.replace(/2$/, '3')}\n\n`;
      const reader = await startCut(t, name, boardId, `ticket=${ticket}`, { after: frame, bytes: 0 });
      const ready = await until(() => reader.shown.find(({ event }) => event === 'ready'), `${name} to be ready`);
      const { streamId } = JSON.parse(ready.data);
      await addItem(boardId, { 'stream-id': streamId, 'idempotency-key': mutationId });
      const readies = () => reader.shown.filter(({ event }) => event === 'ready').length;
      await until(() => readies() === 2, `${name} to have come back`);
      await addItem(boardId);
      await until(() => reader.seqs().includes(4), `the next change at ${name}`);
      t.strictSame(reader.seqs(), [4], name);
      const own = reader.shown.filter(({ event }) => event === 'own');
      t.strictSame(own, [{ event: 'own', data }], name);
      t.strictSame(oddities(reader.shown), [], name);
      reader.close();
    }),
  );
});
