// Many writers on one board, and readers that come and go: each reader's log is the board's log.

import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Client } from '../helpers/client.ts';
import { openStream } from '../helpers/event-stream.ts';
import { startNode, type TestNode, useDatabase } from '../helpers/node.ts';
import { until } from '../helpers/until.ts';

const WRITERS = 16;
const READERS = 12;
/** `SOAK_SECONDS=60` makes more of it. */
const seconds = Number(process.env.SOAK_SECONDS ?? 5);

t.setTimeout((seconds + 240) * 1000);

/** Reads until it has seen `head()`, reconnecting at random; returns every seq with the bytes that carried it. */
async function read(
  t: Test,
  node: TestNode,
  reader: Client,
  boardId: string,
  start: string,
  beside: string[] | undefined,
  isDone: () => number | false,
) {
  const seen: string[] = [];
  let cursor = start;
  let lastEventId = start;
  let connections = 0;
  for (;;) {
    const headers = { 'last-event-id': lastEventId };
    const stream = await openStream(t, node.url, boardId, { ...reader, headers, beside });
    connections += 1;
    const leaveAt = performance.now() + Math.random() * 500;
    let head: number | false = false;
    await until(
      () => {
        head = isDone();
        const last = stream.seqs.at(-1) ?? Number(cursor.split('-')[1]);
        return (head !== false && last >= head) || (head === false && performance.now() > leaveAt);
      },
      'the head, or the time to leave',
      60_000,
    );
    // What the client has parsed when it leaves is what it has: anything after its cursor must come again.
    const { frames } = stream;
    lastEventId = stream.lastEventId ?? lastEventId;
    stream.close();
    // One that has left at once may have seen nothing yet.
    if (frames[0] && frames[0].event !== 'ready') throw new Error(`not ready: ${JSON.stringify(frames[0])}`);
    const other = frames.slice(1).find(({ event }) => event !== 'changed');
    if (other) throw new Error(`an unexpected frame: ${JSON.stringify(other)}`);
    for (const { id, data } of frames.slice(1)) {
      if (!id?.endsWith(`-${data.seq}`)) throw new Error(`the id ${id} of event ${data.seq}`);
      seen.push(JSON.stringify(data));
      cursor = id;
    }
    if (head !== false) return { seen, connections };
    if (Math.random() < 0.3) await delay(Math.random() * 100);
  }
}

t.test(`16 writers on one board for ${seconds} s, readers reconnect at random (E1, E2, E3)`, async (t) => {
  const { url, sql } = await useDatabase(t);
  const nodes = [await startNode(t, url), await startNode(t, url)] as const;
  const ada = await Client.signUp(nodes[0]);
  const boardId = await ada.createBoard();
  const start = (await ada.get(`/boards/${boardId}`)).body.cursor as string;
  const beside = [await ada.createBoard()];
  const acknowledged = new Set<string>();
  const stopAt = performance.now() + seconds * 1000;
  let head: number | false = false;

  const readers = Array.from({ length: READERS }, (_, index) =>
    read(t, nodes[index % 2] as TestNode, ada, boardId, start, index % 4 < 2 ? undefined : beside, () => head),
  );
  const write = async (writer: number) => {
    const client = ada.at(nodes[writer % 2] as TestNode);
    for (let count = 0; performance.now() < stopAt; count += 1) {
      if (writer % 4 === 3) {
        const texts = Array.from({ length: 1 + (count % 5) }, (_, row) => `sql ${writer} ${count} ${row}`);
        await sql('insert into teamboard.items (board_id, text) select $1, unnest($2::text[])', [boardId, texts]);
        for (const text of texts) acknowledged.add(text);
      } else {
        const text = `rest ${writer} ${count}`;
        const { status } = await client.post(`/boards/${boardId}/items`, { text });
        if (status !== 201) throw new Error(`a write answered ${status}`);
        acknowledged.add(text);
      }
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
  const [log] = await sql<{ head: number }>('select head::int from teamboard.board_log where board_id = $1', [boardId]);
  head = log?.head ?? 0;
  const logs = await Promise.all(readers);

  const connections = logs.reduce((sum, { connections: count }) => sum + count, 0);
  t.comment(`${acknowledged.size} acknowledged writes, ${READERS} readers, ${connections} connections`);
  const expected = Array.from({ length: head - 2 }, (_, index) => index + 3);
  const [first] = logs;
  for (const { seen } of logs) {
    const seqs = seen.map((json) => JSON.parse(json).seq as number);
    t.ok(
      seqs.length === expected.length && seqs.every((seq, index) => seq === expected[index]),
      'each seq once, in order',
    );
    t.ok(
      seen.every((json, index) => json === first?.seen[index]),
      'and the same bytes for every reader',
    );
  }
  const delivered = new Set(first?.seen.map((json) => JSON.parse(json).object.text as string));
  t.strictSame(
    [...acknowledged].filter((text) => !delivered.has(text)),
    [],
    'all that was acknowledged',
  );
});
