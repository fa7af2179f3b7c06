// The scheduler that visits every stream, and the kernel's table that tells which peers are silent.

import t, { type Test } from 'tap';
import { Heartbeat } from '../../src/liveness/heartbeat.ts';
import { connectionKey, parseTcpTable, readBusyConnections } from '../../src/output/tcp-table.ts';
import type { Stream } from '../../src/streams/stream.ts';
import type { Chunk } from '../../src/streams/wire/frame.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';

interface FakeStream {
  sent: Array<{ chunk: Chunk; at: number }>;
  closed: string[];
}

function fakeStream(boardId: string): FakeStream & Stream {
  const sent: FakeStream['sent'] = [];
  const closed: string[] = [];
  return {
    followers: [{ boardId, newestCursor: `abcdef01-${boardId.length}` }],
    sent,
    closed,
    sendHeartbeats: ([chunk]: [Chunk]) => void sent.push({ chunk, at: performance.now() }),
    close: (reason: string) => void closed.push(reason),
  } as unknown as FakeStream & Stream;
}

function start(t: Test, options: ConstructorParameters<typeof Heartbeat>[0]): Heartbeat {
  const heartbeat = new Heartbeat(options);
  heartbeat.start();
  heartbeat.start();
  t.teardown(() => heartbeat.stop());
  return heartbeat;
}

t.test('each stream is visited once per interval, at its own time, with bytes that are encoded once', (t) => {
  const clock = useFakeClock(t);
  const intervalMs = 1200;
  const heartbeat = start(t, { intervalMs, maxAgeMs: 1e9 });
  const streams: Array<FakeStream & Stream> = [];
  // Over most of an interval, as clients come.
  const begun = performance.now();
  const added: number[] = [];
  while (performance.now() - begun < intervalMs * 0.8) {
    const stream = fakeStream('board');
    streams.push(stream);
    heartbeat.add(stream);
    added.push(performance.now());
    clock.pass(7);
  }
  clock.pass(2 * intervalMs);
  const times = streams.map(({ sent }, index) => sent.slice(0, 2).map(({ at }) => at - (added[index] ?? 0)));
  const turnMs = intervalMs / 60;
  t.ok(
    times.every(
      ([first = 0, second = 0]) =>
        first > intervalMs - turnMs && first <= intervalMs + 1 && second - first === intervalMs,
    ),
    `the first after an interval, and so on: ${times[0]}`,
  );
  const counts = new Map<number, number>();
  for (const { sent } of streams) {
    for (const { at } of sent)
      counts.set(Math.floor((at - begun) / 100), (counts.get(Math.floor((at - begun) / 100)) ?? 0) + 1);
  }
  t.ok(
    Math.max(...counts.values()) < streams.length / 3,
    `no burst: at most ${Math.max(...counts.values())} of ${streams.length} in 0.1 s`,
  );
  t.equal(
    streams[0]?.sent[0]?.chunk.text.toString(),
    'event:heartbeat\ndata:{"boardId":"board","cursor":"abcdef01-5"}\n\n',
  );

  const [first, second] = [fakeStream('a'), fakeStream('a')];
  heartbeat.add(first);
  heartbeat.add(second);
  clock.pass(intervalMs);
  t.equal(first.sent[0]?.chunk, second.sent[0]?.chunk, 'one board in one turn: the same bytes');
  heartbeat.remove(first);
  clock.pass(intervalMs);
  t.strictSame([first.sent.length, second.sent.length], [1, 2], 'one that was removed gets none');
  t.end();
});

t.test('a stream is closed as rotated at its maximum age, give or take a fifth', (t) => {
  const clock = useFakeClock(t);
  const heartbeat = start(t, { intervalMs: 60, maxAgeMs: 1000 });
  const streams = Array.from({ length: 50 }, () => fakeStream('board'));
  const closedAt = new Map<FakeStream, number>();
  const begun = performance.now();
  for (const stream of streams) heartbeat.add(stream);
  for (let ms = 0; ms < 1300; ms += 1) {
    clock.pass(1);
    for (const stream of streams) {
      if (stream.closed.length > 0 && !closedAt.has(stream)) closedAt.set(stream, performance.now() - begun);
    }
  }
  t.equal(closedAt.size, streams.length, 'all');
  const ages = [...closedAt.values()];
  t.ok(Math.min(...ages) >= 800, `the first after ${Math.min(...ages)} ms`);
  t.ok(Math.max(...ages) <= 1200 + 61, `the last after ${Math.max(...ages)} ms: by the next turn`);
  t.ok(Math.max(...ages) - Math.min(...ages) > 200, 'not all in one instant (E9)');
  t.equal(streams[0]?.closed[0], 'rotated');
  t.end();
});

const keyOf = (localPort: number, remoteAddress: string, remotePort: number) =>
  connectionKey({ localPort, remoteAddress, remotePort });

t.test("the kernel's table tells which peers leave packets unanswered", async (t) => {
  const header = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
  const line = (local: string, remote: string, state: string, queue: string, retransmissions: string, probes: string) =>
    `   1: ${local} ${remote} ${state} ${queue}:00000000 01:00000019 ${retransmissions}  0  ${probes} 12345 1 0000 20 4 30 10 -1`;
  const table = [
    header,
    line('0100007F:0BB8', '0200007F:D431', '01', '00000014', '00000005', '0'),
    line('0100007F:0BB8', '0300007F:D431', '01', '00000014', '00000000', '4'),
    line('0100007F:0BB8', '0400007F:D431', '01', '00000014', '00000000', '0'),
    line('0100007F:0BB8', '0500007F:D431', '01', '00000000', '00000002', '0'),
    line('0100007F:0BB8', '0600007F:D431', '08', '00000014', '00000005', '0'),
    line('00000000:0BB8', '00000000:0000', '0A', '00000000', '00000000', '0'),
    '',
  ].join('\n');
  t.strictSame(parseTcpTable(table), [
    { key: keyOf(3000, '127.0.0.2', 54321), unacknowledged: 20, unanswered: 5 },
    { key: keyOf(3000, '127.0.0.3', 54321), unacknowledged: 20, unanswered: 4 },
    { key: keyOf(3000, '127.0.0.4', 54321), unacknowledged: 20, unanswered: 0 },
  ]);
  const table6 = [
    header,
    line(
      '0000000000000000FFFF00000100007F:0BB8',
      '0000000000000000FFFF00000200007F:D431',
      '01',
      '00000014',
      '00000005',
      '0',
    ),
    line(
      'B80D0120000000000000000001000000:0BB8',
      'B80D0120000000000000000002000000:D431',
      '01',
      '00000014',
      '00000003',
      '0',
    ),
  ].join('\n');
  t.strictSame(parseTcpTable(table6), [
    { key: keyOf(3000, '::ffff:127.0.0.2', 54321), unacknowledged: 20, unanswered: 5 },
    { key: keyOf(3000, '2001:db8::2', 54321), unacknowledged: 20, unanswered: 3 },
  ]);
  t.equal(keyOf(1, '::ffff:127.0.0.2', 2), keyOf(1, '127.0.0.2', 2), 'one peer, one key');
  if (process.platform === 'linux') t.type(await readBusyConnections(), Array);
});
