// A client that is cut while its stream opens: wherever that was, it comes back to where it was and misses nothing.

import t, { type Test } from 'tap';
import { Client } from '../helpers/client.ts';
import { type EventStream, openStream, type ReceivedFrame } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { range } from '../helpers/seqs.ts';
import { startSlicingProxy } from '../helpers/slicing-proxy.ts';
import { until } from '../helpers/until.ts';

const { url, sql } = await useDatabase(t);
const node = await startNode(t, url, { streamsPerUser: 10_000 });
const ada = await Client.signUp(node, 'Ada');

/** Of bytes inside data, of which there are many, one of so many is tried; of all others, each. */
const STEP = 100;
/** Before, while and after the stream opens. */
const HEAD = 5;

async function addItems(boardId: string, count: number): Promise<void> {
  await sql(`insert into teamboard.items (board_id, text) select $1, n::text from generate_series(1, $2::int) n`, [
    boardId,
    count,
  ]);
}

interface Opening {
  query: string;
  lastEventId: string | undefined;
  /** Other boards of the stream, if it is one of many. */
  beside?: string[] | undefined;
}

const seqOf = (cursor: unknown) => Number(String(cursor).split('-')[1]);

/** What the page knows that was told this, from the first `ready` on; and what it was told out of order. */
function follow(frames: ReceivedFrame[], begin: number | undefined) {
  let seq = begin;
  const faults: ReceivedFrame[] = [];
  for (const frame of frames) {
    const { event, data } = frame;
    if (event === 'ready') seq ??= seqOf(data.cursor);
    if (event === 'reset' || event === 'snapshot') seq = seqOf(data.cursor);
    if (event !== 'changed') continue;
    if (data.seq !== (seq ?? 0) + 1) faults.push(frame);
    seq = data.seq;
  }
  return { seq, faults };
}

/** The bytes of the opening as they are on the wire, and where in it to cut. */
async function places(t: Test, boardId: string, opening: Opening, last: string): Promise<number[]> {
  const address = await startSlicingProxy(t, node.url, () => ({}));
  const stream = await open(t, address, boardId, opening);
  await until(() => stream.frames.some(({ event }) => event === last), `the ${last} of an opening`);
  const [text = ''] = stream.raw.split(/(?=event:presence)/);
  stream.close();
  let isData = false;
  const cuts = text.split('\n').flatMap((line) => {
    const bytes = Array.from(Buffer.from(`${line}\n`));
    isData = line.startsWith('data:');
    return bytes.map((_, index) => !isData || index % STEP === 0 || index < 6 || index > bytes.length - 3);
  });
  // What frames a chunk comes before each part of it.
  return [...range(0, 8), ...cuts.flatMap((isTried, index) => (isTried ? [index + 8] : [])), cuts.length + 16];
}

function open(
  t: Test,
  address: string,
  boardId: string,
  { query, lastEventId, beside }: Opening,
): Promise<EventStream> {
  const headers: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  return openStream(t, address, boardId, { cookie: ada.cookie, query, headers, beside });
}

/** @param last what ends the opening @param begin the place of which the client's cursor says that it has it */
async function cutEverywhere(t: Test, opening: Opening, boardId: string, last: string, begin?: number): Promise<void> {
  const cuts = await places(t, boardId, opening, last);
  const readers = await Promise.all(
    cuts.map(async (bytes) => {
      const cut = { after: '\r\n\r\n', bytes };
      const address = await startSlicingProxy(t, node.url, () => ({ cut, reset: bytes % 2 === 0 }));
      const first = await open(t, address, boardId, opening);
      await until(() => first.closed, 'the cut');
      return { bytes, first };
    }),
  );
  await addItems(boardId, 1);
  const told = await Promise.all(
    readers.map(async ({ bytes, first }) => {
      const lastEventId = first.lastEventId ?? opening.lastEventId;
      const second = await open(t, node.url, boardId, { ...opening, lastEventId });
      const all = () => follow([...first.frames, ...second.frames], begin);
      await until(() => all().seq === HEAD + 1, `what came after a cut at ${bytes}: ${first.raw}`);
      const { faults } = all();
      second.close();
      return { bytes, faults };
    }),
  );
  t.strictSame(
    told.filter(({ faults }) => faults.length > 0),
    [],
    `${cuts.length} cuts`,
  );
}

const openings: Record<string, { query?: string; cursor?: 'own' | 'nonsense'; last: string; isMany?: boolean }> = {
  fresh: { last: 'ready' },
  resumed: { cursor: 'own', last: 'changed' },
  'at its end': { cursor: 'own', last: 'ready' },
  reset: { cursor: 'nonsense', last: 'reset' },
  snapshot: { query: '?snapshot=true', last: 'snapshot' },
  'snapshot in place of a reset': { query: '?snapshot=true', cursor: 'nonsense', last: 'snapshot' },
  'many boards, resumed': { cursor: 'own', last: 'changed', isMany: true },
  'many boards, reset': { cursor: 'nonsense', last: 'reset', isMany: true },
  'many boards, snapshot': { query: '?snapshot=true', last: 'snapshot', isMany: true },
};

for (const [name, { query = '', cursor, last, isMany }] of Object.entries(openings)) {
  t.test(`cut at any byte of an opening (${name}), a client that comes back misses nothing (E1, E2)`, async (t) => {
    const boardId = await ada.createBoard();
    await addItems(boardId, HEAD - 2);
    const { body } = await ada.get(`/boards/${boardId}`);
    const begin = last === 'changed' ? 2 : HEAD;
    const own = body.cursor.replace(/\d+$/, String(begin));
    const lastEventId = { own, nonsense: 'nonsense', none: undefined }[cursor ?? 'none'];
    const beside = isMany ? [await ada.createBoard()] : undefined;
    await cutEverywhere(t, { query, lastEventId, beside }, boardId, last, cursor === 'own' ? begin : undefined);
  });
}
