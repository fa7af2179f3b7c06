// Two nodes on one database and one Redis: what one writes the other shows, and what ends at one ends at the other.

import t from 'tap';
import type { Client } from '../helpers/client.ts';
import { type EventStream, openMany, openStream } from '../helpers/event-stream.ts';
import { startPair } from '../helpers/node-pair.ts';
import { present } from '../helpers/presence.ts';
import type { NodeProcess } from '../helpers/process.ts';
import { noPrivateRedis } from '../helpers/redis.ts';
import { range } from '../helpers/seqs.ts';
import { timings } from '../helpers/timings.ts';
import { until } from '../helpers/until.ts';

/** Who is on a board, as the page of a stream of many boards has it. */
const presentOn = ({ presence }: EventStream, boardId: string) =>
  String(present({ presence: presence.filter((told) => told.boardId === boardId) }));

const seqsOf = ({ frames }: EventStream, boardId: string): number[] =>
  frames.filter(({ event, data }) => event === 'changed' && data.boardId === boardId).map(({ data }) => data.seq);

t.test('two nodes', { skip: noPrivateRedis }, async (t) => {
  const { nodes, database, ada, bob, boardId } = await startPair(t, { timings });
  const [one, two] = nodes;
  const open = async (node: NodeProcess, client: Client, boards: string[], lastEventId?: string) => {
    const headers: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    const stream = await openMany(t, node.url, boards, { ...client, headers });
    await stream.next('ready');
    return stream;
  };
  /** At seq 3, which is Bob's membership. */
  const share = async () => {
    const id = await ada.createBoard();
    await database.sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'editor')`, [
      id,
      bob.user.id,
    ]);
    return id;
  };
  const write = (node: NodeProcess, id: string) => ada.at(node).post(`/boards/${id}/items`, { text: 'x' });
  /** None is promised to come: they are sent until one does. */
  const broadcast = (sender: Client, id: string, name: string, hearer: EventStream, headers = {}) =>
    until(async () => {
      await sender.post(`/boards/${id}/broadcasts`, { name, data: 1 }, headers);
      return hearer.frames.some(({ data }) => data.name === name);
    }, `the broadcast ${name}`);

  await t.test('a write at either, or by psql, shows at both, in one order (E1, E2, E3)', async (t) => {
    const streams = [await openStream(t, one.url, boardId, ada), await openStream(t, two.url, boardId, ada)];
    const ofMany = await openStream(t, two.url, boardId, { ...ada, beside: [await ada.createBoard()] });
    streams.push(ofMany);
    await Promise.all(streams.map((stream) => stream.next('ready')));
    await ada.post(`/boards/${boardId}/items`, { text: 'at the first' });
    await ada.at(two).post(`/boards/${boardId}/items`, { text: 'at the second' });
    await database.sql(`insert into teamboard.items (board_id, text) values ($1, 'by psql')`, [boardId]);
    await Promise.all(streams.map((stream) => stream.next('changed', ({ data }) => data.seq === 6)));
    const frames = streams.map(({ raw }) => raw.match(/^event:changed\ndata:.*\nid:.*\n\n/gm) ?? []);
    t.equal(frames[0]?.length, 3);
    t.strictSame(frames[0], frames[1], 'the same bytes');
    const withoutId = (frame: string) => frame.replace(/\nid:.*/, '');
    t.strictSame(frames[2]?.map(withoutId), frames[0]?.map(withoutId), 'and but for the id on a stream of many boards');
  });

  const [first, second, own] = [await share(), await share(), await ada.createBoard()];
  const adas = await open(one, ada, [first, second, own]);
  const bobs = await open(two, bob, [first, second]);

  await t.test('who is there, and what is broadcast, is told of each board of a stream (E7)', async (t) => {
    for (const stream of [adas, bobs]) {
      for (const id of [first, second]) {
        await until(() => presentOn(stream, id) === 'Ada,Bob', `both on a board, and not ${presentOn(stream, id)}`);
      }
    }
    t.equal(presentOn(adas, own), 'Ada');
    const { streamId } = adas.frames[0]?.data ?? {};
    await broadcast(bob.at(two), second, 'by-bob', adas);
    await broadcast(ada.at(two), first, 'by-ada', bobs, { 'stream-id': streamId });
    await broadcast(bob.at(two), first, 'after-it', adas);
    const told = ({ frames }: EventStream) =>
      new Set(frames.flatMap(({ event, data }) => (event === 'broadcast' ? `${data.name} ${data.boardId}` : [])));
    t.strictSame(told(adas), new Set([`by-bob ${second}`, `after-it ${first}`]), 'no echo, at no other node either');
    t.ok(told(bobs).has(`by-ada ${first}`));
    t.notOk(told(bobs).has(`by-ada ${second}`));
  });

  await t.test('a membership that ends at one node ends that board alone at the other (E6)', async (t) => {
    t.match(await ada.delete(`/boards/${second}/members/${bob.user.id}`), { status: 204 });
    const close = await bobs.next('close');
    t.strictSame(close.data, { boardId: second, reason: 'revoked', retry: false });
    await write(one, second);
    await write(one, first);
    await adas.next('changed', ({ data }) => data.boardId === second && data.object.text === 'x');
    await bobs.next('changed', ({ data }) => data.boardId === first);
    const after = bobs.frames.slice(bobs.frames.indexOf(close) + 1);
    t.notOk(
      after.some(({ data }) => data.boardId === second),
      'nothing more of it',
    );
    await until(() => presentOn(adas, second) === 'Ada', 'the leave');
    t.equal(presentOn(adas, first), 'Ada,Bob', 'and the others go on');
  });

  await t.test(
    'a killed node: on each board its streams go on at the other, and who stays away has left (E1, E2, E7)',
    async (t) => {
      const [moves, stays] = [await ada.createBoard(), await ada.createBoard()];
      const boards = [moves, stays, first];
      const killed = await open(two, ada, boards);
      await write(one, moves);
      await write(two, first);
      await killed.next('changed', ({ data }) => data.boardId === moves);
      await killed.next('changed', ({ data }) => data.boardId === first && data.seq === 5);
      const writing = Array.from({ length: 20 }, (_, index) => write(one, index % 2 ? moves : first));
      await killed.next('changed', ({ data }) => data.boardId === moves && data.seq === 4);
      two.kill('SIGKILL');
      await Promise.all(writing);
      await until(() => killed.closed, 'the end of its connection');
      const back = await open(one, ada, boards, killed.lastEventId);
      await write(one, stays);
      const heads = new Map([
        [moves, 13],
        [stays, 3],
        [first, 15],
      ]);
      for (const [id, head] of heads) {
        // The one that was killed may have told all of them.
        const told = () => [...seqsOf(killed, id), ...seqsOf(back, id)];
        await until(
          () => told().includes(head),
          () => `all events of a board, not ${told()}`,
        );
        const starts = id === first ? 5 : 3;
        t.strictSame(told(), range(starts, head), 'each event once, in order');
      }
      t.notOk(back.frames.some(({ event }) => event === 'reset'));
      await until(() => presentOn(adas, first) === 'Ada', 'the leave of who does not come back');
      t.equal(presentOn(back, moves), 'Ada');
    },
  );
});
