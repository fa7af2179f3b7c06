// A client of many boards that is cut at any byte of the opening: it comes back to where it was on each of them.

import t from 'tap';
import { Client } from '../helpers/client.ts';
import { type EventStream, openMany, type ReceivedFrame } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { range } from '../helpers/seqs.ts';
import { startSlicingProxy } from '../helpers/slicing-proxy.ts';
import { until } from '../helpers/until.ts';

const { url, sql } = await useDatabase(t);
const node = await startNode(t, url, { streamsPerUser: 10_000 });
const ada = await Client.signUp(node, 'Ada');
/** Of bytes inside data, of which there are many, one of so many is tried; of all others, each. */
const STEP = 200;

async function addItems(boardId: string, count: number): Promise<void> {
  await sql(`insert into teamboard.items (board_id, text) select $1, n::text from generate_series(1, $2::int) n`, [
    boardId,
    count,
  ]);
}

/** Where the page is on a board that it was told this of, and whether anything came out of order. */
function follow(frames: ReceivedFrame[], boardId: string, begin: number) {
  let seq = begin;
  let isInOrder = true;
  for (const { event, data } of frames) {
    const of = event === 'snapshot' ? data.board.id : data.boardId;
    if (of !== boardId) continue;
    if (event === 'reset' || event === 'snapshot') seq = Number(data.cursor.split('-')[1]);
    if (event === 'changed') isInOrder &&= data.seq === seq + 1;
    if (event === 'changed') seq = data.seq;
  }
  return { seq, isInOrder };
}

for (const query of ['', '&snapshot=true']) {
  t.test(
    `cut at any byte of the opening${query} of two boards, a client misses nothing of either (E1, E2)`,
    async (t) => {
      const [resumed, lost] = [await ada.createBoard(), await ada.createBoard()];
      await addItems(resumed, 2);
      await addItems(lost, 2);
      const { body } = await ada.get(`/boards/${resumed}`);
      const boards = [`${resumed}@${body.cursor.replace(/\d+$/, '2')}`, `${lost}@nonsense`];
      const open = (address: string, id?: string): Promise<EventStream> =>
        openMany(t, address, boards, { ...ada, query, headers: id === undefined ? {} : { 'last-event-id': id } });
      const isWhole = ({ frames }: EventStream) =>
        follow(frames, resumed, 2).seq === 4 && frames.some(({ event }) => event === 'reset' || event === 'snapshot');

      const whole = await open(await startSlicingProxy(t, node.url, () => ({})));
      await until(() => isWhole(whole), 'the whole opening');
      let isData = false;
      const cuts = whole.raw.split('\n').flatMap((line) => {
        const bytes = Array.from(Buffer.from(`${line}\n`));
        isData = line.startsWith('data:');
        return bytes.map((_, index) => !isData || index % STEP === 0 || index < 4 || index > bytes.length - 3);
      });
      const places = [...range(0, 8), ...cuts.flatMap((isTried, index) => (isTried ? [index + 8] : []))];
      whole.close();

      const cutAt = async (bytes: number) => {
        const cut = { after: '\r\n\r\n', bytes };
        const first = await open(await startSlicingProxy(t, node.url, () => ({ cut, reset: bytes % 2 === 0 })));
        await until(() => first.closed, 'the cut');
        return { bytes, first };
      };
      const readers: Array<Awaited<ReturnType<typeof cutAt>>> = [];
      for (let start = 0; start < places.length; start += 50) {
        readers.push(...(await Promise.all(places.slice(start, start + 50).map(cutAt))));
      }
      for (const boardId of [resumed, lost]) await addItems(boardId, 1);
      const faults: string[] = [];
      for (let start = 0; start < readers.length; start += 50) {
        const told = readers.slice(start, start + 50).map(async ({ bytes, first }) => {
          const second = await open(node.url, first.frames.findLast(({ id }) => id)?.id);
          const all = () => [...first.frames, ...second.frames];
          const at = (boardId: string, begin: number) => follow(all(), boardId, begin);
          await until(() => at(resumed, 2).seq === 5 && at(lost, 0).seq === 5, `what came after ${bytes}`);
          const wasReset = all().some(({ event }) => event === 'reset' || event === 'snapshot');
          if (!at(resumed, 2).isInOrder || !at(lost, 0).isInOrder || !wasReset) faults.push(`${bytes}: ${first.raw}`);
          second.close();
        });
        await Promise.all(told);
      }
      t.strictSame(faults, [], `${places.length} cuts`);
    },
  );
}
