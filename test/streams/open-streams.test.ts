// The order and the times in which a node that goes closes its streams.

import t, { type Test } from 'tap';
import { OpenStreams } from '../../src/streams/open-streams.ts';
import type { Stream } from '../../src/streams/stream.ts';
import { useFakeClock } from '../helpers/fake-clock.ts';

const STREAMS = 100;

function openMany(t: Test) {
  const streams = new OpenStreams((error) => t.fail(String(error)));
  const closed: Array<{ index: number; reason: string; retryMs: unknown; at: number }> = [];
  for (let index = 0; index < STREAMS; index += 1) {
    const stream = {
      followers: [],
      // As that of a stream, the second time it does nothing.
      close: (reason: string, retryMs: unknown) => {
        if (closed.some((one) => one.index === index)) return;
        closed.push({ index, reason, retryMs, at: performance.now() });
        streams.delete(stream, 'shutdown');
      },
    } as unknown as Stream;
    streams.add(stream);
  }
  return { streams, closed };
}

t.test('a drain closes the streams evenly over its time, in no order (E9)', (t) => {
  const clock = useFakeClock(t);
  const { streams, closed } = openMany(t);
  const startedAt = performance.now();
  void streams.drain(3000, [1, 2]);
  t.ok(streams.isDraining);
  for (let second = 1; second <= 3; second += 1) {
    clock.pass(1000);
    t.ok(Math.abs(closed.length - (second * STREAMS) / 3) <= 1, `${closed.length} after ${second} s`);
  }
  t.equal(streams.size, 0);
  const apart = closed.slice(1).map(({ at }, index) => at - (closed[index]?.at ?? startedAt));
  t.ok(Math.min(...apart) >= 29 && Math.max(...apart) <= 31, `${apart} ms`);
  const order = closed.map(({ index }) => index);
  t.not(String(order), String(order.toSorted((a, b) => a - b)));
  t.ok(closed.every(({ reason, retryMs }) => reason === 'shutdown' && String(retryMs) === '1,2'));
  t.end();
});

t.test('a drain that is called again with less time closes by that what is still open', (t) => {
  const clock = useFakeClock(t);
  const { streams, closed } = openMany(t);
  void streams.drain(60_000);
  clock.pass(6000);
  t.ok(Math.abs(closed.length - STREAMS / 10) <= 1, `${closed.length}`);
  void streams.drain(1000);
  clock.pass(1000);
  t.equal(closed.length, STREAMS);
  t.equal(streams.size, 0);
  t.end();
});

t.test('a drain without time closes all at once', (t) => {
  const { streams, closed } = openMany(t);
  void streams.drain(0);
  t.equal(closed.length, STREAMS);
  t.end();
});
