// Many who come and go at once, and streams that have no room: what each stream is written, and how often.

import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
import t from 'tap';
import { uuidv7 } from 'uuidv7';
import { MemoryStreamRegistry } from '../../src/liveness/memory-stream-registry.ts';
import { Presence } from '../../src/presence/presence.ts';
import type { Follower } from '../../src/streams/follower.ts';
import type { Chunk } from '../../src/streams/wire/frame.ts';
import { timings } from '../../src/timings.ts';
import { Client } from '../helpers/client.ts';
import type { EventStream, ReceivedPresence } from '../helpers/event-stream.ts';
import { startNode, useDatabase } from '../helpers/node.ts';
import { openPresent, present } from '../helpers/presence.ts';
import { silent } from '../helpers/registry.ts';
import { serverSideOf, stands } from '../helpers/server-side.ts';
import { until } from '../helpers/until.ts';

const boardId = randomUUID();

class FakeFollower {
  readonly streamId = uuidv7();
  readonly boardId = boardId;
  readonly userId = randomUUID();
  readonly chunks: Chunk[] = [];
  hasRoom = true;

  sendAside(chunk: Chunk): boolean {
    if (this.hasRoom) this.chunks.push(chunk);
    return this.hasRoom;
  }

  /** What its page knows. */
  get present(): string[] {
    const presence: ReceivedPresence[] = [];
    const parser = createParser({ onEvent: ({ data }) => void presence.push(JSON.parse(data)) });
    for (const { text } of this.chunks) parser.feed(text.toString());
    return present({ presence } as EventStream);
  }
}

/** Whose names are their ids. */
function startPresence() {
  const registry = new MemoryStreamRegistry({ log: silent });
  const presence = new Presence({
    registry,
    handoverMs: 0,
    retryMs: timings.presence.retryMs,
    nameUsers: async (ids) => ids.map((id) => ({ id, name: id })),
    log: silent,
  });
  presence.start();
  t.teardown(() => presence.stop());
  const open = (count: number) =>
    Array.from({ length: count }, () => {
      const stream = new FakeFollower();
      registry.add(stream);
      presence.followed(stream as unknown as Follower);
      return stream;
    });
  const close = (stream: FakeFollower) => {
    presence.left(stream as unknown as Follower, 'client');
    registry.remove(stream);
  };
  return { presence, open, close };
}

const idsOf = (streams: FakeFollower[]) => streams.map(({ userId }) => userId).sort();
const knows = (stream: FakeFollower, ids: string[]) => String(stream.present) === String(ids);

t.test('a thousand who come at once are told of in a few pieces, the same bytes for all (E5, E7)', async (t) => {
  const { open, close } = startPresence();
  const early = open(50);
  await until(() => early.every((stream) => knows(stream, idsOf(early))), 'the first ones');
  const before = early.map(({ chunks }) => chunks.length);
  const startedAt = performance.now();
  const crowd: FakeFollower[] = [];
  for (let round = 0; round < 90; round += 1) {
    crowd.push(...open(10));
    await nextTurn();
  }
  const all = [...early, ...crowd];
  await until(() => all.every((stream) => stream.chunks.length > 0), 'a word to each');
  await until(() => [early[0], crowd[0], crowd.at(-1)].every((one) => one && knows(one, idsOf(all))), 'all of them');
  const pieces = early.map(({ chunks }, index) => chunks.length - (before[index] ?? 0));
  // One in 100 ms, however long the machine takes for all of them.
  const most = Math.ceil((performance.now() - startedAt) / 100) + 1;
  t.ok(
    Math.max(...pieces) <= most,
    `told in ${Math.max(...pieces)} pieces of ${most}, not in each turn in which some came`,
  );
  t.equal(new Set(early.map(({ chunks }) => chunks.at(-1))).size, 1, 'encoded once');

  const [gone, ...left] = crowd;
  if (gone) close(gone);
  await until(() => left.every(({ chunks }) => chunks.at(-1)?.text.includes('"leave"')), 'one leave');
  t.ok((left[0]?.chunks.at(-1)?.text.length ?? 0) < 200, 'is told as one');
  t.ok(knows(early[1] as FakeFollower, idsOf([...early, ...left])));
});

t.test('of more than a thousand so many are named, the same at each place (E5, E7)', async (t) => {
  const { presence, open, close } = startPresence();
  const streams = open(1200);
  const ids = idsOf(streams);
  const [first, last] = [streams[0] as FakeFollower, streams.at(-1) as FakeFollower];
  for (const stream of [first, last]) await until(() => knows(stream, ids.slice(0, 1000)), 'the first thousand');
  const listed = await presence.list(boardId);
  t.equal(listed.total, 1200);
  t.strictSame(
    listed.users.map(({ user }) => user.id),
    ids.slice(0, 1000),
  );
  const leaving = streams.find(({ userId }) => userId === ids[1]) as FakeFollower;
  const staying = streams.find((stream) => stream !== leaving && stream !== first) as FakeFollower;
  close(leaving);
  const after = ids.filter((id) => id !== leaving.userId).slice(0, 1000);
  await until(() => knows(staying, after), 'one for another');
});

t.test('a stream without room is told of all when it has some again (E5, E7)', async (t) => {
  const { open } = startPresence();
  const [slow, fast] = open(2) as [FakeFollower, FakeFollower];
  await until(() => slow.present.length === 2 && fast.present.length === 2, 'both');
  slow.hasRoom = false;
  const [third] = open(1) as [FakeFollower];
  await until(() => fast.present.length === 3, 'the third');
  const pieces = slow.chunks.length;
  slow.hasRoom = true;
  await until(() => slow.chunks.length > pieces, 'the slow one to be told');
  t.match(slow.chunks.at(-1)?.text.toString(), /^event:presence\ndata:\{"boardId":"[0-9a-f-]+","action":"sync"/);
  t.strictSame(slow.present, idsOf([slow, fast, third]));
});

t.test('a client that stops reading gets a sync when it reads again, and is not cut off (E5, E7)', async (t) => {
  const { url, sql } = await useDatabase(t);
  // So that each stream may have 16 KiB waiting, and an event of more is all that it has room for.
  const node = await startNode(t, url, { presenceHandoverSeconds: 0, waitingBytesPerNode: 1024 * 1024 });
  const [ada, bob] = [await Client.signUp(node, 'Ada'), await Client.signUp(node, 'Bob')];
  const board = await ada.createBoard();
  await sql(`insert into teamboard.members (board_id, user_id, role) values ($1, $2, 'viewer')`, [board, bob.user.id]);
  const [stalled, reading] = [await openPresent(t, node, board, ada), await openPresent(t, node, board, ada)];
  const serverSide = serverSideOf(node, ({ streamId }) => streamId === stalled.frames[0]?.data.streamId);
  if (!serverSide) throw new Error('no such stream');
  stalled.socket.pause();
  const room = async () => {
    await sql(
      `insert into teamboard.items (board_id, text) select $1, repeat('é', 10000) from generate_series(1, 100)`,
      [board],
    );
    return (serverSide.stream.socket?.writableLength ?? 0) > 16 * 1024 && (await stands(serverSide));
  };
  await until(room, 'no room');
  const stays = await openPresent(t, node, board, bob);
  await until(() => present(reading).includes('Bob'), 'Bob');
  t.equal(stalled.presence.length, 1);
  stalled.socket.resume();
  await until(() => present(stalled).includes('Bob'), 'Bob, also for the slow one');
  t.equal(stalled.presence.at(-1)?.action, 'sync');
  stays.close();
  await until(() => !present(stalled).includes('Bob'), 'his end');
  t.equal(stalled.presence.at(-1)?.action, 'leave', 'from then on it is told as the others are');
});
